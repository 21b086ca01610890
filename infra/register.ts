/** The function that keeps the register of subscriptions: what it hears of on the bus, and its role. */
import { reportOutcomes } from './bus-access.ts'
import { allow, arnOf, idOf, type Osls, REGISTER, ref, settings } from './cloudformation.ts'
import { keepRegister } from './ledger.ts'
import { registerRules } from './register-rules.ts'
import { baseStatements, role } from './resources.ts'

/** The function, for serverless.yml. */
export async function subscriptionRegister(osls: Osls) {
  const { stage, registerEvent } = await settings(osls)
  return {
    [REGISTER]: {
      name: `${stage}-${REGISTER}`,
      handler: `dist/${REGISTER}/index.handler`,
      package: { patterns: ['!**', `dist/${REGISTER}/**`] },
      role: `${idOf(REGISTER)}Role`,
      events: Object.entries(registerRules({ registerEvent })).map(([name, pattern]) => ({
        eventBridge: {
          name: `${stage}-${name}`,
          eventBus: ref('EventBus'),
          pattern,
          retryPolicy: { maximumEventAge: 24 * 60 * 60, maximumRetryAttempts: 185 },
          deadLetterQueueArn: arnOf('UndeliveredEventsQueue'),
        },
      })),
      maximumRetryAttempts: 2,
      maximumEventAge: 6 * 60 * 60,
      destinations: { onFailure: { type: 'sqs', arn: arnOf('UndeliveredEventsQueue') } },
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
          ...baseStatements(`${all.stage}-${REGISTER}`, all.checked),
          ...keepRegister(),
          allow('GiveUp', 'sqs:SendMessage', [arnOf('DeadLetterQueue'), arnOf('UndeliveredEventsQueue')]),
          reportOutcomes('Rejected'),
        ],
        all,
      ),
    },
  }
}
