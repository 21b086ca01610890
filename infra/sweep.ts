/** The sweep of the ledger: its function and role. */
import { reportOutcomes } from './bus-access.ts'
import { allow, arnOf, idOf, type Osls, ref, SWEEP, settings } from './cloudformation.ts'
import { functionOf, keepScheduledRun, namesOf } from './function.ts'
import { sweepLedger } from './ledger.ts'
import { baseStatements, role } from './roles.ts'

const STRANDED_QUEUES = ['StrandedWorkQueue', 'StrandedRetriesQueue']

/** Ends what functions that were killed left undone in the ledger. No operation: it has no route and no queue. */
export async function offboardingSweep(osls: Osls) {
  const { stage, operations } = await settings(osls)
  return {
    [SWEEP]: {
      ...functionOf(SWEEP, stage),
      timeout: 600,
      memorySize: 256,
      environment: {
        OPERATIONS: namesOf(operations),
        STRANDED_QUEUE_URLS: { 'Fn::Join': [',', STRANDED_QUEUES.map(ref)] },
      },
      events: [{ schedule: { name: `${stage}-${SWEEP}`, rate: ['rate(15 minutes)'] } }],
      // The next run does what this one could not, a quarter of an hour later: a letter of each would only be noise.
      maximumRetryAttempts: 0,
      maximumEventAge: 10 * 60,
    },
  }
}

/** Its role: offboardings alone, what SQS gave up, and what becomes of it. And what its schedule needs besides. */
export async function offboardingSweepRole(osls: Osls) {
  const all = await settings(osls)
  return {
    Resources: {
      [`${idOf(SWEEP)}Role`]: role(
        SWEEP,
        [
          ...baseStatements(SWEEP, all),
          ...sweepLedger(),
          allow('TakeStranded', ['sqs:ReceiveMessage', 'sqs:DeleteMessage'], STRANDED_QUEUES.map(arnOf)),
          allow('GiveUp', 'sqs:SendMessage', arnOf('DeadLetterQueue')),
          reportOutcomes('Finished', 'Parked', 'Completed'),
        ],
        all,
      ),
    },
    extensions: keepScheduledRun(SWEEP, 10 * 60),
  }
}
