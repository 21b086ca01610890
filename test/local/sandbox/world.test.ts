/** The sample world, and worlds that are given. */

import { expect, test } from 'vitest'
import { readWorld, sampleWorld, type World } from '../../../local/sandbox/sandbox.ts'

test('the sample has what the sample event needs', () => {
  const { feishu, dingtalk } = sampleWorld()
  const numbered = feishu.documents.filter(({ token }) => /^doxcnSandbox\d\d$/.test(token))
  expect(numbered).toHaveLength(28)
  expect(numbered.filter(({ subscribed }) => !subscribed)).toHaveLength(3)
  expect(feishu.documents.find(({ token }) => token === 'doxcnSandboxMissing')).toBeUndefined()
  const followed = dingtalk.calendars.filter(({ calendarId }) => /^sandboxCalendar\d\d=$/.test(calendarId))
  expect(followed.map(({ subscribers }) => subscribers.includes('sandboxUnionId01iE'))).toEqual([true, true, false])
})

test.each([
  ['feishu.users.0.status', (world: World) => Object.assign(world.feishu.users[0] ?? {}, { status: 'gone' })],
  ['feishu.apps.0.secret', (world: World) => Object.assign(world.feishu.apps[0] ?? {}, { secret: 'x' })],
  ['dingtalk.calendars', (world: World) => Object.assign(world.dingtalk, { calendars: undefined })],
  ['feishu.lifetimes.grace', (world: World) => Object.assign(world.feishu.lifetimes, { grace: '60' })],
])('a wrong %s is named', (path, change) => {
  const world = sampleWorld()
  change(world)
  expect(() => readWorld(world)).toThrow(`${path}: Invalid`)
})
