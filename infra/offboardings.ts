/** The HTTP entrance for HR systems: its function with its routes, and its role. */
import { orderOffboardings } from './bus-access.ts'
import { idOf, OFFBOARDINGS, type Osls, settings } from './cloudformation.ts'
import { answerLedger } from './ledger.ts'
import { baseStatements, namesOf, role } from './resources.ts'

const ROUTES = ['POST /offboardings', 'GET /offboardings', 'GET /offboardings/{offboardingId}']

/** Takes who leaves, and shows what became of them. No operation: it calls no vendor, and has no rule and no queue. */
export async function offboardings(osls: Osls) {
  const { stage, operations, checked } = await settings(osls)
  return {
    [OFFBOARDINGS]: {
      name: `${stage}-${OFFBOARDINGS}`,
      handler: `dist/${OFFBOARDINGS}/index.handler`,
      package: { patterns: ['!**', `dist/${OFFBOARDINGS}/**`] },
      role: `${idOf(OFFBOARDINGS)}Role`,
      environment: { EVENT_SOURCE: checked.source, OPERATIONS: namesOf(operations) },
      events: ROUTES.map((route) => {
        const [method = '', path = ''] = route.split(' ')
        return { httpApi: { method, path, authorizer: checked.routeAuthorizer } }
      }),
    },
  }
}

/** Its role: the two events that it may send, and the ledger's offboardings. */
export async function offboardingsRole(osls: Osls) {
  const all = await settings(osls)
  const { stage, offboardingEvent, leavingEvent, checked } = all
  return {
    Resources: {
      [`${idOf(OFFBOARDINGS)}Role`]: role(
        OFFBOARDINGS,
        [
          ...baseStatements(`${stage}-${OFFBOARDINGS}`, checked),
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
