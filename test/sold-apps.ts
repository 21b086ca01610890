/** A store app and a third-party enterprise app whose stack has only just been deployed. */
import { expect } from 'vitest'
import { type Sandbox, soldWorld } from '../local/sandbox/sandbox.ts'

/** Their world, in which app tokens end so soon that every batch loads one anew, and needs a ticket for it. */
export function shortTokenWorld() {
  const world = soldWorld()
  Object.assign(world.feishu.lifetimes, { tenantToken: 60, appToken: 60, reusedAbove: 0 })
  world.dingtalk.lifetimes.accessToken = 60
  return world
}

/** Expects the stack that the sandbox pushes to to answer the verification of both URLs, which the consoles ask for. */
export async function expectVerification({ push }: Sandbox): Promise<void> {
  for (const [event, answer] of [
    ['url_verification', 'challenge'],
    ['check_url', 'encrypt'],
  ] as const)
    expect(await push({ event })).toMatchObject({ status: 200, body: { [answer]: expect.any(String) } })
}
