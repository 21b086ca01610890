/** `offboarding discover`: a leaver's subscriptions, as far as the vendors list them, as an event to review and send. */
import { PassThrough } from 'node:stream'
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { Command, Option } from 'commander'
import { mergeParts } from '../lib/event-part.ts'
import type { EventPart } from '../lib/operation-docs.ts'
import type { Leaver } from '../lib/people/collect.ts'
import { failed, nameOf, refusalOf } from './aws-errors.ts'
import { repeatable, UsageError, vendorId, withOptions } from './command.ts'
import type { EventFile } from './discovery/documents.ts'
import { findAll, identify, type Listed } from './discovery/find.ts'
import { assertEvent, fileOf, newOffboardingId } from './event/event-detail.ts'
import { assertWritable, safeJson, writeEventFile } from './event/event-file.ts'
import { type Io, log } from './io.ts'
import { assertLeaving, type LeaverOptions, leaverOptions, readLeaver } from './leavers/person.ts'
import {
  type Connection,
  type ConnectionOptions,
  commandLine,
  connect,
  connectionOptions,
  useConnection,
} from './stack/connection.ts'
import { formatCount } from './table.ts'

type Options = ConnectionOptions &
  Omit<LeaverOptions, 'openId' | 'unionId'> & {
    dingtalkUnionId?: string
    feishuOpenId?: string
    custodianOpenId?: string
    file?: string[]
    userFile?: string[]
    tenantKey?: string
    output?: string
    force?: true
    json?: boolean
    id?: string
  }

export const discoverCommand = (io: Io): Command =>
  withOptions(
    new Command('discover')
      .summary('list what a leaver is subscribed to, as an event to send')
      .description(
        "Shows a leaver's subscriptions, as far as the vendors list them, and writes an offboarding event from them, to be " +
          'reviewed and sent with "offboard". Changes no subscription.',
      ),
    [
      ...leaverOptions(),
      new Option(
        '--dingtalk-union-id <union-id>',
        'the leaver at DingTalk, whose subscribed calendars are listed',
      ).argParser(vendorId),
      new Option(
        '--feishu-open-id <open-id>',
        'the leaver at Feishu or Lark, whose own calendars are listed',
      ).argParser(vendorId),
      new Option(
        '--custodian-open-id <open-id>',
        'who will watch access to them; without it they are shown, but not in the event',
      ).argParser(vendorId),
      repeatable(
        '--file <token:type>',
        "a document, or its address: check whether the app is subscribed to a document's events; the type is doc, docx, sheet, bitable, file, folder or " +
          'slides; may be repeated. Feishu allows 10 checks a minute',
      ),
      repeatable('--user-file <token:type>', 'the same for the leaver at Feishu'),
      new Option('--tenant-key <key>', 'the tenant, for store apps').argParser(vendorId),
      new Option('--json', 'print one JSON object: leaver, people, findings, isComplete and events'),
      new Option('--output <file>', 'write the event to a new file that only you may read'),
      new Option('--force', 'replace the file if it exists'),
      new Option('--id <offboarding-id>', "the offboarding's id (default: a new one with the time in it)"),
      ...connectionOptions(),
    ],
  )
    .addHelpText(
      'after',
      `
No vendor lists the approvals and documents that a person is subscribed to. What
was registered for them (npx offboarding register) is shown: documents go into
the event; approvals belong to the app and are left to you.

The calls are made from this machine, so the vendors must allow its IP address.
They read the app's and the user's secret with your own AWS credentials
(docs/discovery-policy.json). A Feishu calendar list needs the user's token: one
that is about to expire is renewed and stored, as with every call.

Exit code 0: everything was determined. 1: something could not be determined,
the leaver was not found or is ambiguous, or the command failed. 2: wrong
options, no vendor was called. 130: interrupted, nothing was written.

Examples:
  npx offboarding discover --email leaver@corp.example --mobile +8613800000000
  npx offboarding discover --feishu-open-id ou_leaver \\
    --custodian-open-id ou_custodian --dingtalk-union-id sandboxUnionId01iE
  AWS_PROFILE=ops npx offboarding discover --feishu-open-id ou_xxxxxxxx \\
    --file doxcnXXXX:docx --output event.json --stage prod`,
    )
    .action(async (options: Options) => {
      io.exitCode = await discover(io, options)
    })

/** Stands for the leaver's open_id until they are found. */
const LATER = 'ou_leaver'

async function discover(io: Io, options: Options): Promise<number> {
  const {
    feishuOpenId: openId,
    dingtalkUnionId: unionId,
    custodianOpenId,
    userFile = [],
    output,
    force = false,
  } = options
  const offboardingId = options.id ?? newOffboardingId()
  const files: EventFile[] = [
    ...[...new Set(options.file)].map((file) => fileOf(file)),
    ...[...new Set(userFile)].map((file) => ({ ...fileOf(file, 'user-file'), openId: openId ?? LATER })),
  ]
  const person = readLeaver(options)
  if (unionId === undefined && openId === undefined && !person && files.length === 0)
    throw new UsageError('expected --email, --mobile, --employee-number, an id or --file')
  if (person) assertLeaving({ offboardingId, leaver: person }, 'this', io)
  if (!person && openId === undefined && custodianOpenId !== undefined)
    throw new UsageError('--custodian-open-id has no effect without a leaver at Feishu')
  if (!person && openId === undefined && userFile.length > 0)
    throw new UsageError('--user-file has no effect without a leaver at Feishu')
  if (force && output === undefined) throw new UsageError('--force has no effect without --output')
  const replacing = { mayReplace: force, hint: force ? 'name another file' : 'name another file, or --force' }
  // An approval stands for what is still to be found.
  assertEvent({ offboardingId, feishu: { approvalCodes: ['found'], files } }, 'this', io)
  if (output !== undefined) assertWritable(output, replacing)

  const signal = io.catchInterrupt()
  const { json = false } = options
  const terminal = json ? { ...io, stdout: new PassThrough().resume() } : io
  try {
    const connection = await connect(io, options)
    useConnection(connection)
    await assertCredentials(connection)
    const given = { unionId, openId, custodianId: custodianOpenId, tenantKey: options.tenantKey }
    const { leaver, isSure, people } = person
      ? await identify(terminal, given, person, connection, signal)
      : { leaver: given, isSure: true, people: [] }
    const asked = files.flatMap((file) => {
      if (!('openId' in file)) return [file]
      return leaver?.openId === undefined ? [] : [{ ...file, openId: leaver.openId }]
    })
    if (leaver && asked.length < files.length) log(io, 'Not found at Feishu, so no --user-file is checked.')
    const findings = leaver ? await findAll(terminal, leaver, asked, connection, signal) : []
    const isComplete = isSure && !findings.some(({ isUnknown }) => isUnknown)
    const targets = findings.flatMap(({ target }) => (target ? [target] : []))
    const perEvent = Number(connection.variables.MAX_TARGETS_PER_EVENT)
    const isFeishu = (part: EventPart) => 'feishu' in part
    const events = Array.from({ length: Math.ceil(targets.length / perEvent) }, (_, index) => {
      const some = targets.slice(index * perEvent, (index + 1) * perEvent)
      const tenant = leaver?.tenantKey && some.some(isFeishu) ? [{ feishu: { tenantKey: leaver.tenantKey } }] : []
      const detail = mergeParts([{ offboardingId }, ...tenant, ...some])
      assertEvent(detail, 'what was found', io)
      return { detail, count: some.length }
    })
    signal.throwIfAborted()
    if (json)
      io.stdout.write(
        `${safeJson({ ...toJson(leaver, findings), people, isComplete, events: events.map(({ detail }) => detail) })}\n`,
      )
    if (!leaver) return 1
    const missing = isComplete ? '' : ' Some things could not be determined: see the lines that begin with "?".'
    const found = formatCount(targets.length, 'target')
    if (targets.length === 0) log(io, `Nothing was found to send.${missing}`)
    else if (output === undefined) log(io, `${found}; --output FILE writes the event.${missing}`)
    else {
      const written = events.map((event, index) => ({ ...event, file: partOf(output, index) }))
      for (const { file } of written) assertWritable(file, replacing)
      for (const { file, detail, count } of written) {
        writeEventFile(file, detail, { mayReplace: force })
        const next = commandLine(['offboard', file], options)
        log(io, `${file}: ${formatCount(count, 'target')}. Review it, then: ${next}`)
      }
      if (missing) log(io, missing.trim())
    }
    return isComplete ? 0 : 1
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error
    log(io, 'Interrupted: nothing was written.')
    return 130
  }
}

/** Throws where AWS refuses every call, or the stage is not there: what lib/ would say of the secret is not the reason. */
async function assertCredentials({ isLocal, settings, variables }: Connection): Promise<void> {
  if (isLocal) return
  const { VENDORS = 'feishu', FEISHU_APP_SECRET_ID, DINGTALK_APP_SECRET_ID } = variables
  const SecretId = VENDORS.startsWith('feishu') ? FEISHU_APP_SECRET_ID : DINGTALK_APP_SECRET_ID
  const call = new SecretsManagerClient(settings('secretsmanager')).send(new DescribeSecretCommand({ SecretId }))
  await call.catch((error) => {
    // The permission to describe a secret is not needed to read it.
    if (refusalOf(error) || nameOf(error) === 'ResourceNotFoundException')
      failed('secretsmanager:DescribeSecret', SecretId)(error)
  })
}

const toJson = (leaver: Leaver | undefined, findings: Listed[]) => ({
  leaver: leaver ? { feishuOpenId: leaver.openId ?? null, dingtalkUnionId: leaver.unionId ?? null } : null,
  findings: findings.map(({ list, text, target, isUnknown = false, approvalCode = null }) => {
    return { list, text, isInEvent: target !== undefined, isUnknown, approvalCode }
  }),
})

/** `event.json`, and for the second of several `event-2.json`. */
const partOf = (file: string, index: number) => (index === 0 ? file : file.replace(/(\.[^./]*)?$/, `-${index + 1}$1`))
