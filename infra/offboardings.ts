/** The HTTP entrance for HR systems: its function with its routes, and its role. */
import { orderOffboardings } from './bus-access.ts'
import { idOf, OFFBOARDINGS, type Osls, settings } from './cloudformation.ts'
import { functionOf, namesOf, routeTo } from './function.ts'
import { answerLedger } from './ledger.ts'
import { baseStatements, role } from './roles.ts'

const ROUTES = ['POST /offboardings', 'GET /offboardings', 'GET /offboardings/{offboardingId}']

/** Takes who leaves, and shows what became of them. No operation: it calls no vendor, and has no rule and no queue. */
export async function offboardings(osls: Osls) {
  const { stage, operations, checked } = await settings(osls)
  return {
    [OFFBOARDINGS]: {
      ...functionOf(OFFBOARDINGS, stage),
      environment: { EVENT_SOURCE: checked.source, OPERATIONS: namesOf(operations) },
      events: ROUTES.map((route) => routeTo(route, checked)),
    },
  }
}

/** Its role: the two events that it may send, and the ledger's offboardings. */
export async function offboardingsRole(osls: Osls) {
  const all = await settings(osls)
  const { offboardingEvent, leavingEvent } = all
  return {
    Resources: {
      [`${idOf(OFFBOARDINGS)}Role`]: role(
        OFFBOARDINGS,
        [
          ...baseStatements(OFFBOARDINGS, all),
          orderOffboardings({
            source: offboardingEvent.source,
            'detail-type': [offboardingEvent, leavingEvent].flatMap((event) => event['detail-type']),
          }),
          ...answerLedger(),
        ],
        all,
      ),
    },
  }
}
