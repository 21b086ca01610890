/** A leaver as an operator names them: by what HR knows, or by an id. */
import { Option } from 'commander'
import { type Leaving, leaving, type Person } from '../../lib/leaving-event.ts'
import { UsageError } from '../command.ts'
import { assertEvent } from '../event/event-detail.ts'
import type { Io } from '../io.ts'

export type LeaverOptions = {
  email?: string
  mobile?: string
  employeeNumber?: string
  openId?: string
  unionId?: string
}

/** The options that name the leaver, beside an argument or in its place. */
export const leaverOptions = () => [
  new Option('--email <address>', "the leaver's contact e-mail address at Feishu or Lark"),
  new Option('--mobile <number>', "the leaver's mobile with its country code, as in +8613800000000"),
  new Option('--employee-number <number>', "the leaver's employee number"),
]

/** The same by ids. */
export const leaverIdOptions = () => [
  new Option('--open-id <open-id>', 'the leaver at Feishu or Lark'),
  new Option('--union-id <union-id>', 'the leaver at DingTalk'),
]

/** Their attributes, as commander names them. */
export const LEAVER_OPTIONS = ['email', 'mobile', 'employeeNumber', 'openId', 'unionId'] as const

/** Who is meant by an e-mail address, a mobile or an open_id; undefined for any other text, as the name of a file. */
export function readPerson(text: string): Person | undefined {
  if (/^[^/\\]+@[^/\\]+$/.test(text) && !text.endsWith('.json')) return { email: text }
  if (/^(\+.*|\d{11})$/.test(text)) return { mobile: text }
  if (/^ou_[^.]*$/.test(text)) return { feishu: { openId: text } }
  return undefined
}

/** The leaver that the options name; undefined when they name none. */
export function readLeaver(options: LeaverOptions): Person | undefined {
  const { email, mobile, employeeNumber, openId, unionId } = options
  const given = {
    ...(email !== undefined && { email }),
    ...(mobile !== undefined && { mobile }),
    ...(employeeNumber !== undefined && { employeeNumber }),
    ...(openId !== undefined && { feishu: { openId } }),
    ...(unionId !== undefined && { dingtalk: { unionId } }),
  }
  return Object.keys(given).length > 0 ? given : undefined
}

/** The custodian of the option `--custodian`. */
export function readCustodian(text: string): Person {
  const person = readPerson(text)
  if (person) return person
  throw new UsageError('--custodian must be an e-mail address, a mobile with its country code, or an open_id')
}

/** The detail of an event that says who leaves. Throws `UsageError`, having listed every wrong field. */
export function assertLeaving(detail: unknown, source: string, io: Io): asserts detail is Leaving {
  assertEvent(detail, source, io, leaving)
}
