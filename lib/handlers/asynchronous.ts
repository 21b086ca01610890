/**
 * The triggers that nobody waits for, EventBridge and SQS. Imported on the first such event, so that the build gives them,
 * with the clients that only they need, a file of their own that an HTTP call does not load.
 */
export { plan } from './event.ts'
export { work } from './queue.ts'
