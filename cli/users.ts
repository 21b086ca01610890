/** `npm run users`: who has tokens stored, in what state, and how the secrets of those who have left are removed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { CommandError, isConfirmed, runCommand, say, UsageError } from './command.ts'
import { DEPLOYMENT_OPTIONS, type DeploymentOptions, useDeployment } from './stack/deployment.ts'
import {
  listUsers,
  RECOVERY_DAYS,
  restore,
  type StoredUser,
  scheduleDeletion,
  type Vendor,
} from './users/user-secrets.ts'

const HELP = `Shows the users whose tokens are stored, and removes those who have left. Reads no token.

  npm run users -- list [options]
  npm run users -- forget (--gone | --id ID …) [options]

  list               vendor, id, state, end of the refresh token, and whether the secret is to be deleted
    --json           as one JSON array
  forget             schedules secrets for deletion; they can be restored for ${RECOVERY_DAYS} days. Shows them and asks first
    --gone           of everybody whose vendor says that they no longer exist
    --id ID          of this user; may be given more than once
    --yes            without asking; needed where nobody can be asked
    --restore        undoes it for each --id

  --vendor VENDOR    only feishu or only dingtalk
  --stage STAGE      stage, region and parameters as given to "osls deploy"; the defaults are serverless.yml's.
  --region REGION    A function's variable that is set in the environment, such as FEISHU_USER_SECRET_PREFIX,
  --param NAME=VALUE goes before its value in serverless.yml
  --help

AWS credentials are found as usual, for instance by AWS_PROFILE. Exit code 1: something failed or was declined.

  AWS_PROFILE=ops npm run users -- forget --gone --stage prod
`

const VARIABLES = [
  'FEISHU_APP_SECRET_ID',
  'FEISHU_USER_SECRET_PREFIX',
  'DINGTALK_APP_SECRET_ID',
  'DINGTALK_USER_SECRET_PREFIX',
] as const

const COMMON = { vendor: { type: 'string' }, ...DEPLOYMENT_OPTIONS } as const

async function list(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { ...COMMON, json: { type: 'boolean', default: false } } })
  const users = await storedUsers(values)
  process.stdout.write(values.json ? `${JSON.stringify(users, null, 2)}\n` : tableOf(users))
  const states = [...Map.groupBy(users, ({ state }) => state ?? 'without state')]
  const counts = states.map(([state, some]) => `${some.length} ${state}`)
  const scheduled = users.filter(({ scheduledForDeletion }) => scheduledForDeletion).length
  if (scheduled > 0) counts.push(`${scheduled} of all scheduled for deletion`)
  say([`${users.length} users`, counts.join(', ')].filter(Boolean).join(': '))
  return 0
}

async function forget(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      ...COMMON,
      gone: { type: 'boolean', default: false },
      id: { type: 'string', multiple: true },
      yes: { type: 'boolean', default: false },
      restore: { type: 'boolean', default: false },
    },
  })
  const { gone, id: ids = [] } = values
  if (gone === ids.length > 0) throw new UsageError('say whom: either --gone or --id ID')
  if (values.restore && gone) throw new UsageError('--restore needs --id ID')

  const users = await storedUsers(values)
  const unknown = ids.filter((id) => !users.some((user) => user.id === id))
  if (unknown.length > 0) throw new CommandError(`no such user is stored: ${unknown.join(', ')}. Nothing was done.`)
  const chosen = users.filter(({ id, state }) => (gone ? state === 'gone' : ids.includes(id)))
  const due = chosen.filter(({ scheduledForDeletion }) => scheduledForDeletion === values.restore)
  const done = chosen.length - due.length
  if (done > 0) say(`${done} already ${values.restore ? 'not scheduled' : 'scheduled'} for deletion.`)
  if (due.length === 0) {
    say('Nothing to do.')
    return 0
  }
  process.stdout.write(tableOf(due))
  if (values.restore) return each(due, restore, 'Restored')
  const action = `the deletion of ${due.length === 1 ? '1 secret' : `${due.length} secrets`}`
  if (!values.yes) {
    if (!process.stdin.isTTY) throw new UsageError(`nobody can be asked here: give --yes to schedule ${action}`)
    const question = `Schedule ${action}? They can be restored for ${RECOVERY_DAYS} days.`
    if (!(await isConfirmed(question, process.stdin, process.stderr))) {
      say('Nothing was done.')
      return 1
    }
  }
  return each(due, scheduleDeletion, 'Scheduled for deletion')
}

async function storedUsers({ vendor, ...options }: DeploymentOptions & { vendor?: string }): Promise<StoredUser[]> {
  if (vendor !== undefined && vendor !== 'feishu' && vendor !== 'dingtalk')
    throw new UsageError('--vendor must be feishu or dingtalk')
  const { variables, region } = await useDeployment(VARIABLES, options)
  const prefixes: Record<Vendor, string> = {
    feishu: variables.FEISHU_USER_SECRET_PREFIX,
    dingtalk: variables.DINGTALK_USER_SECRET_PREFIX,
  }
  say(`Secrets "${prefixes.feishu}…" and "${prefixes.dingtalk}…" in ${region}`)
  const apps = [variables.FEISHU_APP_SECRET_ID, variables.DINGTALK_APP_SECRET_ID]
  let told = 0
  const users = await listUsers(prefixes, apps, (count) => {
    if (count < told + 1_000) return
    told = count
    say(`${count} read …`)
  })
  return users.filter((user) => vendor === undefined || user.vendor === vendor)
}

/** States that a word does not explain. */
const STATES: Record<string, string> = {
  'not-renewable': 'cannot be renewed: offline_access missing',
  'wrong-owner': 'tokens of another person',
}

function tableOf(users: StoredUser[]): string {
  const head = ['vendor', 'id', 'state', 'refresh token ends', 'deletion']
  const end = (at: string | null) => (at === null ? '-' : `${at}${Date.parse(at) <= Date.now() ? ' (ended)' : ''}`)
  const rows = users.map((user) => [
    user.vendor,
    user.id,
    STATES[user.state ?? ''] ?? user.state ?? '-',
    end(user.refreshTokenExpiresAt),
    user.scheduledForDeletion ? 'scheduled' : '-',
  ])
  const widths = head.map((_, column) =>
    [head, ...rows].reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0),
  )
  const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
  return [head, ...rows].map((row) => `${line(row).trimEnd()}\n`).join('')
}

/** At once, and how long at least: 25 a second, half of what Secrets Manager allows for each of the two calls. */
const BATCH = 10
const BATCH_MS = 400

/**
 * Does it to every user, goes on after a failure and tells each in a line. 1 when one failed.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
 */
async function each(users: StoredUser[], work: (secretId: string) => Promise<void>, did: string): Promise<number> {
  let failed = 0
  for (let start = 0; start < users.length; start += BATCH) {
    const pause = sleep(start + BATCH < users.length ? BATCH_MS : 0)
    const results = await Promise.allSettled(users.slice(start, start + BATCH).map(({ secretId }) => work(secretId)))
    for (const result of results) {
      if (result.status === 'fulfilled') continue
      failed++
      say(`npm run users: ${(result.reason as Error).message}`)
    }
    const ended = start + results.length
    if (ended % 100 === 0 && ended < users.length) say(`${ended} of ${users.length} …`)
    await pause
  }
  say(`${did}: ${users.length - failed}${failed > 0 ? `, failed: ${failed}` : ''}.`)
  return failed > 0 ? 1 : 0
}

await runCommand('users', async (args) => {
  if (args.includes('--help')) {
    process.stdout.write(HELP)
    return 0
  }
  const [command, ...rest] = args
  if (command === 'list') return list(rest)
  if (command === 'forget') return forget(rest)
  throw new UsageError('say what to do: list or forget')
})
