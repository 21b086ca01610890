/** `npm run discover`: what a leaver is subscribed to, as far as the vendors tell, as an event to review and send. */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import * as v from 'valibot'
import type { EventPart } from '../lib/operation-docs.ts'
import { nameId } from '../lib/schema.ts'
import { failed, runCommand, say, UsageError } from './command.ts'
import {
  dingtalkFindings,
  documentFindings,
  type EventFile,
  type Finding,
  feishuFindings,
} from './discovery/findings.ts'
import { paced, patient } from './discovery/pace.ts'
import { feishuDocumentStatus } from './discovery/vendor-lists.ts'
import { assertEvent, fileOf, mergeParts, newOffboardingId } from './event/event-detail.ts'
import { writeEventFile } from './event/event-file.ts'
import {
  CONNECTION_HELP,
  CONNECTION_OPTIONS,
  type Connection,
  type ConnectionOptions,
  commandLine,
  connect,
  useConnection,
} from './stack/connection.ts'

const HELP = `Shows what a leaver is subscribed to, as far as the vendors tell, and writes an offboarding event from it, to be reviewed
and sent with "npm run offboard". Changes no subscription.

  npm run discover -- [--dingtalk-union-id UNION_ID] [--feishu-open-id OPEN_ID] [--file TOKEN:TYPE …] [options]

  --dingtalk-union-id UNION_ID    calendars of type "subscribed" in this person's list
  --feishu-open-id OPEN_ID        calendars that this person owns, with
  --custodian-open-id OPEN_ID     who is to watch access to them; without it they are shown, and not in the event
  --file TOKEN:TYPE …             whether the app is subscribed to a document's events; TYPE as in doc, docx, sheet, bitable,
                                  file, folder, slides. Feishu allows 10 such questions a minute
  --user-file TOKEN:TYPE …        the same in the name of the person of --feishu-open-id
  --tenant-key KEY                for store apps
  --output FILE                   writes the event to a new file that you alone may read
  --force                         even if there is such a file
  --id OFFBOARDING_ID             what to call it (default: a name with the time in it)

${CONNECTION_HELP}
  --help

No vendor lists the approvals and documents that somebody is subscribed to: those come from your own register.

It asks from this machine, whose address the vendors must allow, and reads the app's and the user's secret with your own AWS
credentials (docs/discovery-policy.json). A Feishu calendar list needs the user's token: one that is about to expire
is renewed and stored, as with every call.

Exit code 0: everything was told. 1: something could not be told, or it failed. 2: wrong options, nothing was asked. 130:
interrupted, nothing was written.

  npm run discover -- --feishu-open-id ou_leaver --custodian-open-id ou_custodian --dingtalk-union-id sandboxUnionId01iE
  AWS_PROFILE=ops npm run discover -- --feishu-open-id ou_xxxxxxxx --file doxcnXXXX:docx --output event.json --stage prod
`

type Leaver = {
  unionId: string | undefined
  openId: string | undefined
  custodianId: string | undefined
  tenantKey: string | undefined
  files: EventFile[]
}

/** `event.json`, and for the second of several `event-2.json`. */
const partOf = (file: string, index: number) => (index === 0 ? file : file.replace(/(\.[^./]*)?$/, `-${index + 1}$1`))

function assertNew(file: string): void {
  if (existsSync(file))
    throw new UsageError(`${file} exists already and was left as it is: name another file, or --force`)
}

/** Shows what the vendors tell, as they tell it, and returns it. */
async function discover(leaver: Leaver, { speed }: Connection, signal: AbortSignal): Promise<Finding[]> {
  const { unionId, openId, custodianId, tenantKey, files } = leaver
  const all: Finding[] = []
  const show = async (title: string, findings: AsyncIterable<Finding> | Finding[]) => {
    process.stdout.write(`${title}\n`)
    for await (const finding of findings) {
      process.stdout.write(`  ${finding.isUntold ? '?' : finding.target ? '+' : '-'} ${finding.told}\n`)
      all.push(finding)
    }
    process.stdout.write('\n')
  }
  const ask = patient(signal)
  if (unionId !== undefined) await show(`DingTalk calendars of ${unionId}`, dingtalkFindings(unionId, ask))
  if (openId !== undefined) {
    await show(`Feishu calendars of ${openId}`, feishuFindings(openId, custodianId, ask))
    const told = 'nobody tells whether they are subscribed; the event ends them in any case'
    await show(`Feishu calendar change events of ${openId}`, [{ told, target: { feishu: { openId, calendar: true } } }])
  }
  if (files.length > 0) {
    const { perMinute = 1 } = feishuDocumentStatus.pace
    if (files.length > perMinute)
      say(`${files.length} questions about documents, of which Feishu allows ${perMinute} a minute.`)
    await show('Feishu documents', documentFindings(files, tenantKey, paced({ perMinute, speed }, signal)))
  }
  process.stdout.write(`+ in the event   - not in it   ? could not be told
No vendor lists the approvals and documents that somebody is subscribed to: add them from your own register.\n`)
  return all
}

const OPTIONS = {
  ...CONNECTION_OPTIONS,
  'dingtalk-union-id': { type: 'string' },
  'feishu-open-id': { type: 'string' },
  'custodian-open-id': { type: 'string' },
  'tenant-key': { type: 'string' },
  file: { type: 'string', multiple: true, default: [] as string[] },
  'user-file': { type: 'string', multiple: true, default: [] as string[] },
  output: { type: 'string' },
  force: { type: 'boolean', default: false },
  id: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

await runCommand('discover', async (args) => {
  const { values } = parseArgs({ args, options: OPTIONS })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const { stage, region, param, local, output, force, id: offboardingId = newOffboardingId() } = values
  const options: ConnectionOptions = {
    ...(stage && { stage }),
    ...(region && { region }),
    ...(param && { param }),
    ...(local && { local }),
  }
  const openId = values['feishu-open-id']
  const leaver: Leaver = {
    unionId: values['dingtalk-union-id'],
    openId,
    custodianId: values['custodian-open-id'],
    tenantKey: values['tenant-key'],
    files: [
      ...[...new Set(values.file)].map((file) => fileOf(file)),
      ...[...new Set(values['user-file'])].map((file) => ({ ...fileOf(file, 'user-file'), ...(openId && { openId }) })),
    ],
  }
  const { unionId, files } = leaver
  if (unionId === undefined && openId === undefined && files.length === 0)
    throw new UsageError('say whose: --dingtalk-union-id, --feishu-open-id or --file')
  for (const name of ['custodian-open-id', 'user-file'] as const)
    if (openId === undefined && values[name]?.length)
      throw new UsageError(`--${name} has no effect without --feishu-open-id`)
  if (force && output === undefined) throw new UsageError('--force has no effect without --output')
  for (const name of ['dingtalk-union-id', 'feishu-open-id', 'custodian-open-id', 'tenant-key'] as const)
    if (values[name] !== undefined && !v.is(nameId, values[name]))
      throw new UsageError(`--${name} may hold only letters, digits and _ + = . @ -`)
  // An approval stands for what is still to be found.
  assertEvent({ offboardingId, feishu: { approvalCodes: ['found'], files } }, 'this')
  if (output !== undefined && !force) assertNew(output)

  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort())
  try {
    const connection = await connect(options)
    useConnection(connection)
    const aws = new SecretsManagerClient(connection.settings('secretsmanager'))
    await aws.config.credentials().catch(failed('secretsmanager:GetSecretValue'))
    const findings = await discover(leaver, connection, stopping.signal)
    const isWhole = !findings.some(({ isUntold }) => isUntold)
    const targets = findings.flatMap(({ target }) => (target ? [target] : []))
    const missing = isWhole ? '' : ' Not everything could be told: see the lines that begin with "?".'
    if (targets.length === 0) say(`Nothing was found to send.${missing}`)
    else if (output === undefined) say(`${targets.length} targets; --output FILE writes the event.${missing}`)
    else {
      const perEvent = Number(connection.variables.MAX_TARGETS_PER_EVENT)
      const parts = Array.from({ length: Math.ceil(targets.length / perEvent) }, (_, index) => ({
        file: partOf(output, index),
        some: targets.slice(index * perEvent, (index + 1) * perEvent),
      }))
      stopping.signal.throwIfAborted()
      if (!force) for (const { file } of parts) assertNew(file)
      const isFeishu = (part: EventPart) => 'feishu' in part
      for (const { file, some } of parts) {
        const tenant = leaver.tenantKey && some.some(isFeishu) ? [{ feishu: { tenantKey: leaver.tenantKey } }] : []
        const detail = mergeParts([{ offboardingId }, ...tenant, ...some])
        assertEvent(detail, 'what was found')
        writeEventFile(file, detail, { mayReplace: force })
        say(`${file}: ${some.length} targets. Review it, then: ${commandLine('offboard', [file], options)}`)
      }
      if (missing) say(missing.trim())
    }
    return isWhole ? 0 : 1
  } catch (error) {
    if (!stopping.signal.aborted || error !== stopping.signal.reason) throw error
    say('Interrupted: nothing was written.')
    return 130
  }
})
