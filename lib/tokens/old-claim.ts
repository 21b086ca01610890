/** The claims by which version 0.1.0 guarded renewals: versions of the user's secret under a label of their own. */
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { awsNowMs } from '../aws/clock.ts'
import { moveLabel, readVersion } from '../aws/secrets-manager.ts'
import { busy } from './refusal.ts'
import { readUser, type User } from './user-secret.ts'

const LABEL = 'RENEWAL'
const POLL_MS = 300

const claim = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ of: v.string(), expiresAtMs: v.number(), verdict: v.optional(v.unknown()) }),
)

/**
 * Waits until a claim on the version `of` has ended, and takes the label away. A claim that holds a verdict is none. Throws
 * `unavailable` when there is no time to wait, or the owner of the claim has stored new tokens meanwhile.
 */
export async function endOldClaim(user: User, of: string, remainingMs: () => number): Promise<void> {
  for (;;) {
    const version = await readVersion(user.secretId, LABEL)
    if (!version) return
    const { success, output } = v.safeParse(claim, version.text)
    const heldMs = success && output.of === of && !output.verdict ? output.expiresAtMs - awsNowMs() : 0
    if (heldMs <= 0) return void (await moveLabel(user.secretId, LABEL, version.versionId))
    const isReplaced = (await readUser(user)).versionId !== of
    if (isReplaced || remainingMs() < POLL_MS) throw busy(isReplaced ? 1_000 : heldMs)
    await sleep(POLL_MS)
  }
}
