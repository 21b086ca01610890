/** The function that keeps the register of subscriptions: what it hears of on the bus, and its role. */
import { reportOutcomes } from './bus-access.ts'
import { allow, arnOf, idOf, type Osls, REGISTER, settings } from './cloudformation.ts'
import { functionOf, RETRY_THROWN, ruleOnBus } from './function.ts'
import { keepRegister } from './ledger.ts'
import { registerRules } from './register-rules.ts'
import { baseStatements, role } from './roles.ts'

/** The function, for serverless.yml. */
export async function subscriptionRegister(osls: Osls) {
  const { stage, registerEvent } = await settings(osls)
  return {
    [REGISTER]: {
      ...functionOf(REGISTER, stage),
      events: Object.entries(registerRules({ registerEvent })).map(([name, pattern]) =>
        ruleOnBus(name, pattern, stage),
      ),
      ...RETRY_THROWN,
    },
  }
}

/** Its role: the register alone, and what rejecting an event needs. */
export async function subscriptionRegisterRole(osls: Osls) {
  const all = await settings(osls)
  return {
    Resources: {
      [`${idOf(REGISTER)}Role`]: role(
        REGISTER,
        [
          ...baseStatements(REGISTER, all),
          ...keepRegister(),
          allow('GiveUp', 'sqs:SendMessage', [arnOf('DeadLetterQueue'), arnOf('UndeliveredEventsQueue')]),
          reportOutcomes('Rejected'),
        ],
        all,
      ),
    },
  }
}
