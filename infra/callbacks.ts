/**
 * The function that takes what the vendors push, its role, and the secrets of tickets; with parameter vendorCallbacks=on alone, for its
 * routes ask nobody who they are.
 */
import { announceDepartures, orderOffboardings } from './bus-access.ts'
import {
  allow,
  CALLBACKS,
  idOf,
  type Osls,
  type Resource,
  type Settings,
  secretNamesOf,
  settings,
  TICKETS,
  vendorSecrets,
} from './cloudformation.ts'
import { functionOf } from './function.ts'
import { keepCallbacks } from './ledger.ts'
import { baseStatements, role, secretNamed, secretsBelow, useSecretsKey } from './roles.ts'

/** The routes that lib/handlers/callbacks.ts knows. */
export const CALLBACK_ROUTES = ['/feishu/callback', '/dingtalk/callback']

/** Longer than any vendor waits. Seconds. */
const TIMEOUT_S = 10

/** The function, for serverless.yml. */
export async function vendorCallbacks(osls: Osls) {
  const { stage, vendors, checked } = await settings(osls)
  const callbacks = checked.vendorCallbacks
  if (!callbacks) return {}
  return {
    [CALLBACKS]: {
      ...functionOf(CALLBACKS, stage),
      timeout: TIMEOUT_S,
      environment: {
        ...Object.assign({}, ...Object.values(vendors)),
        FEISHU_CALLBACK_SECRET_ID: callbacks.feishuSecretId,
        DINGTALK_CALLBACK_SECRET_ID: callbacks.dingtalkSecretId,
        ON_DEPARTURE: callbacks.onDeparture,
        EVENT_SOURCE: checked.source,
      },
      // A vendor can sign neither by IAM nor with a bearer token: its own signature is checked by the function.
      events: CALLBACK_ROUTES.map((path) => ({ httpApi: { method: 'POST', path } })),
    },
  }
}

/** Its role, and a secret for the ticket of each vendor, in which there is none yet. */
export async function vendorCallbacksResources(osls: Osls) {
  const all = await settings(osls)
  if (!all.checked.vendorCallbacks) return {}
  const tickets = Object.entries(TICKETS).map(([vendor, { id }]): [string, Resource] => [
    id,
    {
      Type: 'AWS::SecretsManager::Secret',
      // The vendor pushes it again.
      DeletionPolicy: 'Delete',
      Properties: {
        Name: secretNamesOf(vendor, all).ticket,
        Description: 'The ticket that the vendor pushed last: written by the stack alone',
        SecretString: '{}',
        ...(all.checked.secretsKmsKeyArn && { KmsKeyId: all.checked.secretsKmsKeyArn }),
      },
    },
  ])
  return {
    Resources: {
      ...Object.fromEntries(tickets),
      [`${idOf(CALLBACKS)}Role`]: role(CALLBACKS, statements(all, all.checked.vendorCallbacks), all),
    },
  }
}

function statements(all: Settings, callbacks: NonNullable<Settings['checked']['vendorCallbacks']>) {
  const secrets = vendorSecrets(all)
  return [
    ...baseStatements(CALLBACKS, all),
    // Of an app's secret it needs whose app it is.
    allow(
      'ReadSecrets',
      'secretsmanager:GetSecretValue',
      [callbacks.feishuSecretId, callbacks.dingtalkSecretId, ...secrets.map(({ app }) => app)].map(secretNamed),
    ),
    allow(
      'KeepTickets',
      ['secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue', 'secretsmanager:UpdateSecretVersionStage'],
      secrets.map(({ ticket }) => secretNamed(ticket)),
    ),
    allow('MarkUsers', 'secretsmanager:TagResource', secretsBelow(secretNamesOf('feishu', all).users)),
    ...keepCallbacks(),
    callbacks.onDeparture !== 'ignore' && announceDepartures(),
    callbacks.onDeparture === 'offboard' && orderOffboardings(all.leavingEvent),
    useSecretsKey(['kms:Decrypt', 'kms:GenerateDataKey'], all),
  ]
}
