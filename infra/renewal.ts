/** The renewal of users' tokens: its function and role. */
import { allow, arnOf, idOf, type Osls, RENEWAL, settings, vendorSecrets } from './cloudformation.ts'
import { functionOf, keepScheduledRun, RETRY_THROWN } from './function.ts'
import { keepRenewals } from './ledger.ts'
import { baseStatements, RENEW_USER_TOKENS, role, secretNamed, secretsBelow, useSecretsKey } from './roles.ts'

/** Keeps the stored users' tokens alive. No operation: it has no route and no queue. */
export async function userTokenRenewal(osls: Osls) {
  const { stage, vendors, checked } = await settings(osls)
  return {
    [RENEWAL]: {
      ...functionOf(RENEWAL, stage),
      timeout: 900,
      memorySize: 256,
      environment: {
        ...Object.assign({}, ...Object.values(vendors)),
        RENEW_WITHIN_DAYS: checked.renewWithinDays,
      },
      events: [
        { schedule: { name: `${stage}-${RENEWAL}`, rate: [await osls.resolveVariable('param:renewalSchedule')] } },
      ],
      // A run that its time did not suffice for is run again, and continues. One that is given up is a letter: the next
      // comes a day later, and a token may be lost by then.
      ...RETRY_THROWN,
    },
  }
}

/** Its role: both vendors' app secrets and users. And what its schedule needs besides. */
export async function userTokenRenewalRole(osls: Osls) {
  const all = await settings(osls)
  const secrets = vendorSecrets(all)
  const users = secrets.map((names) => names.users)
  return {
    Resources: {
      [`${idOf(RENEWAL)}Role`]: role(
        RENEWAL,
        [
          ...baseStatements(RENEWAL, all),
          // Secrets Manager lists all or nothing; names and tags only.
          allow('ListUsers', 'secretsmanager:ListSecrets', '*'),
          allow(
            'ReadAppSecrets',
            'secretsmanager:GetSecretValue',
            secrets.map(({ app }) => secretNamed(app)),
          ),
          allow('RenewUserTokens', RENEW_USER_TOKENS, users.map(secretsBelow)),
          keepRenewals(users),
          allow('GiveUp', 'sqs:SendMessage', arnOf('UndeliveredEventsQueue')),
          useSecretsKey(['kms:Decrypt', 'kms:GenerateDataKey'], all),
        ],
        all,
      ),
    },
    extensions: keepScheduledRun(RENEWAL, 6 * 60 * 60),
  }
}
