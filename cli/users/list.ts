/** `offboarding users list`: everyone with stored tokens, from the secrets' tags. */
import { Command, Option } from 'commander'
import { CommandError, withOptions } from '../command.ts'
import { type Io, log } from '../io.ts'
import { type ConnectionOptions, connectionOptions } from '../stack/connection.ts'
import { useVariables } from '../stack/variables.ts'
import { formatCount, formatTable } from '../table.ts'
import { listUsers, presenceOf, type StoredUser, type Vendor } from './user-secrets.ts'

export const vendorOption = () => new Option('--vendor <vendor>', 'only this vendor').choices(['feishu', 'dingtalk'])
export type UsersOptions = ConnectionOptions & { vendor?: Vendor }

/** Ends with the exit codes. */
export const DEPLOYMENT_HELP = `
Variables of the functions that name secrets, as in FEISHU_USER_SECRET_PREFIX,
may be set in the environment instead of --stage; the others are then read from
serverless.yml.

Exit code 0: done. 1: something failed, or you declined. 2: wrong options,
nothing was done.`

export const listCommand = (io: Io): Command =>
  withOptions(
    new Command('list')
      .summary('list stored users')
      .description(
        'Lists users with vendor, id, state, end of the refresh token, and whether the secret is scheduled for deletion. Reads no ' +
          'token.',
      )
      .option('--json', 'print a JSON array'),
    [vendorOption(), ...connectionOptions()],
  )
    .addHelpText('after', `${DEPLOYMENT_HELP}\n\nExamples:\n  AWS_PROFILE=ops npx offboarding users list --stage prod`)
    .action(async (options: UsersOptions & { json?: true }) => {
      const users = await storedUsers(io, options)
      io.stdout.write(options.json ? `${JSON.stringify(users, null, 2)}\n` : formatUsers(users))
      const states = [...Map.groupBy(users, ({ state }) => state ?? 'without state')]
      const counts = states.map(([state, some]) => `${some.length} ${state}`)
      const scheduled = users.filter(({ scheduledForDeletion }) => scheduledForDeletion).length
      if (scheduled > 0) counts.push(`${scheduled} of all scheduled for deletion`)
      log(io, [formatCount(users.length, 'user'), counts.join(', ')].filter(Boolean).join(': '))
    })

const VARIABLES = [
  'FEISHU_APP_SECRET_ID',
  'FEISHU_USER_SECRET_PREFIX',
  'DINGTALK_APP_SECRET_ID',
  'DINGTALK_USER_SECRET_PREFIX',
] as const

/** The users stored for the deployment, of both vendors or of one. */
export async function storedUsers(io: Io, { vendor, ...options }: UsersOptions): Promise<StoredUser[]> {
  const { variables, region } = await useVariables(io, VARIABLES, options)
  const prefixes: Record<Vendor, string> = {
    feishu: variables.FEISHU_USER_SECRET_PREFIX,
    dingtalk: variables.DINGTALK_USER_SECRET_PREFIX,
  }
  log(io, `Secrets "${prefixes.feishu}…" and "${prefixes.dingtalk}…" in ${region}`)
  const apps = [variables.FEISHU_APP_SECRET_ID, variables.DINGTALK_APP_SECRET_ID]
  let logged = 0
  const users = await listUsers(prefixes, apps, (count) => {
    if (count < logged + 1_000) return
    logged = count
    log(io, `${count} read …`)
  })
  if (users.length === 0 && options.stage !== undefined && (await areMissing(apps)))
    throw new CommandError(`there are no secrets of stage ${options.stage} here: check stage, region and account`)
  return users.filter((user) => vendor === undefined || user.vendor === vendor)
}

/** Whether none of the secrets is there; false where that may not be asked. */
async function areMissing(ids: string[]): Promise<boolean> {
  const found = await Promise.allSettled(ids.map(presenceOf))
  return found.every((one) => one.status === 'fulfilled' && one.value === 'missing')
}

/** States that need more than a word. */
const STATES: Record<string, string> = {
  'not-renewable': 'cannot be renewed: offline_access missing',
  'wrong-owner': 'tokens of another person',
}

/** One row for each user, below a head. */
export function formatUsers(users: StoredUser[]): string {
  const head = ['vendor', 'id', 'state', 'refresh token ends', 'deletion']
  const end = (at: string | null) => (at === null ? '-' : `${at}${Date.parse(at) <= Date.now() ? ' (ended)' : ''}`)
  const rows = users.map((user) => [
    user.vendor,
    user.id,
    STATES[user.state ?? ''] ?? user.state ?? '-',
    end(user.refreshTokenExpiresAt),
    user.scheduledForDeletion ? 'scheduled' : '-',
  ])
  return `${formatTable(head, rows)}\n`
}
