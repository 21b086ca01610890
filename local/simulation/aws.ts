/** Stands for `lib/aws.ts` in a simulated container. */
import type { Host } from './host.ts'

declare const host: Host

export const callAws = (_service: string, operation: string, input: object) => host.aws(operation, input)
