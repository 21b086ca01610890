/** The register that goes with the sandbox's world: no vendor lists documents and approvals. */
import type { Connection } from '../cli/stack/connection.ts'
import { useLedger } from '../cli/stack/ledger.ts'
import { loadOperations } from '../infra/operations.ts'
import { recordRegistered } from '../lib/ledger/register.ts'
import { offboarding } from '../lib/offboarding-event.ts'
import { parse } from '../lib/schema.ts'
import sample from './events/offboarding.json' with { type: 'json' }

/** Enters the documents and approvals of the sample event as subscribed for its leaver, in the tenant that a store app needs. */
export async function fillRegister(connection: Connection, tenantKey?: string): Promise<void> {
  useLedger(connection)
  const { openId, approvalCodes, files } = sample.feishu
  const event = parse(offboarding, {
    offboardingId: sample.offboardingId,
    feishu: { ...(tenantKey && { tenantKey }), approvalCodes, files },
  })
  const origin = { at: new Date().toISOString(), source: connection.names.source }
  for (const { name, operation } of await loadOperations())
    await Promise.all(
      operation
        .targets(event)
        .map((input) =>
          recordRegistered(operation, { person: { feishu: { openId } }, operation: name, input }, origin),
        ),
    )
}
