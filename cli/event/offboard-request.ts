/** What `offboarding offboard` is asked for: an argument and options, read and checked. */
import type { EventOption } from '../../lib/operation-docs.ts'
import { readObject, UsageError } from '../command.ts'
import type { Io } from '../io.ts'
import { readLeavers } from '../leavers/csv.ts'
import {
  assertLeaving,
  LEAVER_OPTIONS,
  type LeaverOptions,
  readCustodian,
  readLeaver,
  readPerson,
} from '../leavers/person.ts'
import type { ConnectionOptions } from '../stack/connection.ts'
import { assertEvent, newOffboardingId } from './event-detail.ts'
import { detailOf } from './event-options.ts'

type Flags = { dryRun?: boolean; yes?: boolean; follow?: string | false; goneIsFine?: boolean }
export type OffboardOptions = ConnectionOptions &
  LeaverOptions &
  Flags & { id?: string; custodian?: string; csv?: string; at?: string; tenantKey?: string } & Record<string, unknown>

export type Detail = { offboardingId: string; dryRun?: unknown }

/** What is to be done: follow an offboarding, or send events. `isNamed`: they say who leaves, and not what is to end. */
type Request = { follow: string } | { details: Detail[]; isNamed: boolean; isList: boolean }

/** Options that go with each way of saying what to do; those of the stack and --gone-is-fine go with all. */
const SENDING = ['dryRun', 'yes', 'noFollow', 'at']
const OF_LEAVER = [...LEAVER_OPTIONS, 'custodian', 'tenantKey', 'id', ...SENDING]
const OF_ALL = ['stage', 'region', 'param', 'local', 'goneIsFine']

/** What the argument and the options ask for. Throws `UsageError`. */
export function readRequest(
  io: Io,
  argument: string | undefined,
  options: OffboardOptions,
  eventOptions: EventOption[],
): Request {
  const { follow: followed, csv, custodian, dryRun = false } = options
  const given = Object.keys({ ...options, ...(followed === false && { noFollow: true }) }).filter(
    (name) => !OF_ALL.includes(name) && !(name === 'follow' && followed === false),
  )
  const allowOnly = (subject: string, allowed: readonly string[]) => {
    const other = given.find((name) => !allowed.includes(name))
    if (other === undefined) return
    const flag = other.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw new UsageError(`${subject} cannot be used with option '--${flag}'`)
  }
  const refuseArgument = (option: string) => {
    if (argument !== undefined) throw new UsageError(`argument 'event.json' cannot be used with option '${option}'`)
  }
  if (typeof followed === 'string') {
    refuseArgument('--follow')
    allowOnly("option '--follow <offboarding-id>'", ['follow'])
    return { follow: followed }
  }
  if (csv !== undefined) {
    refuseArgument('--csv')
    allowOnly("option '--csv <file>'", ['csv', ...SENDING.filter((name) => name !== 'at')])
    const details = readLeavers(io, csv).map((detail) => ({ ...detail, dryRun }))
    return { details, isNamed: true, isList: true }
  }
  const named = argument === undefined ? undefined : readPerson(argument)
  if (argument !== undefined && named === undefined) {
    allowOnly("argument 'event.json'", SENDING)
    const detail = { ...readObject(argument), ...(dryRun && { dryRun }) } as Record<string, unknown>
    if ('leaver' in detail) {
      assertLeaving(detail, argument, io)
      return { details: [detail], isNamed: true, isList: false }
    }
    assertEvent(detail, argument, io)
    return { details: [detail as Detail], isNamed: false, isList: false }
  }
  const offboardingId = options.id ?? newOffboardingId()
  const leaver = { ...readLeaver(options), ...named }
  if (Object.keys(leaver).length > 0) {
    allowOnly('a leaver', OF_LEAVER)
    const { tenantKey } = options
    const detail = {
      offboardingId,
      dryRun,
      leaver: tenantKey === undefined ? leaver : { ...leaver, feishu: { ...leaver.feishu, tenantKey } },
      ...(custodian !== undefined && { custodian: readCustodian(custodian) }),
    }
    assertLeaving(detail, 'this', io)
    return { details: [detail], isNamed: true, isList: false }
  }
  if (custodian !== undefined) throw new UsageError('--custodian has no effect without a leaver')
  if (given.every((name) => SENDING.includes(name)))
    throw new UsageError('expected a leaver, one EVENT.json, targets, --csv FILE or --follow OFFBOARDING_ID')
  const detail = { ...detailOf(eventOptions, options), ...(dryRun && { dryRun }) }
  assertEvent(detail, 'this', io)
  return { details: [detail as unknown as Detail], isNamed: false, isList: false }
}
