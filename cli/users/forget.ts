/** `offboarding users forget`: schedules the secrets of people who left for deletion. */
import { Command, Option } from 'commander'
import { CommandError, confirm, repeatable, UsageError, withOptions } from '../command.ts'
import { type Io, log } from '../io.ts'
import { connectionOptions } from '../stack/connection.ts'
import { formatCount } from '../table.ts'
import { DEPLOYMENT_HELP, formatUsers, storedUsers, type UsersOptions, vendorOption } from './list.ts'
import { RECOVERY_DAYS, restore, type StoredUser, scheduleDeletion } from './user-secrets.ts'

type Options = UsersOptions & { gone?: true; id?: string[]; yes?: true; restore?: boolean }

export const forgetCommand = (io: Io): Command =>
  withOptions(
    new Command('forget')
      .summary('schedule secrets of people who left for deletion')
      .description(
        `Schedules secrets for deletion; they can be restored for ${RECOVERY_DAYS} days. Shows them and asks first.`,
      ),
    [
      new Option('--gone', 'all users who no longer exist at the vendor').conflicts(['id', 'restore']),
      repeatable('--id <id>', 'this user; may be repeated'),
      new Option('--yes', 'do not ask; needed where stdin is not a terminal'),
      new Option('--restore', 'undo it for each --id'),
      vendorOption(),
      ...connectionOptions(),
    ],
  )
    .addHelpText(
      'after',
      `${DEPLOYMENT_HELP}

Examples:
  AWS_PROFILE=ops npx offboarding users forget --gone --stage prod`,
    )
    .action(async (options: Options) => {
      io.exitCode = await forget(io, options)
    })

async function forget(io: Io, { gone, id: ids = [], yes, restore: isRestore = false, ...options }: Options) {
  if (!gone && ids.length === 0) throw new UsageError('expected --gone or --id ID')

  const users = await storedUsers(io, options)
  const unknown = ids.filter((id) => !users.some((user) => user.id === id))
  if (unknown.length > 0) throw new CommandError(`no such user is stored: ${unknown.join(', ')}. Nothing was done.`)
  const chosen = users.filter(({ id, state }) => (gone ? state === 'gone' : ids.includes(id)))
  const due = chosen.filter(({ scheduledForDeletion }) => scheduledForDeletion === isRestore)
  const done = chosen.length - due.length
  if (done > 0) log(io, `${done} already ${isRestore ? 'not scheduled' : 'scheduled'} for deletion.`)
  if (due.length === 0) {
    log(io, 'Nothing to do.')
    return 0
  }
  io.stdout.write(formatUsers(due))
  if (isRestore) return each(io, due, restore, 'Restored')
  const action = `Schedule the deletion of ${formatCount(due.length, 'secret')}, restorable for ${RECOVERY_DAYS} days`
  if (!yes && !(await confirm(io, action))) return 1
  return each(io, due, scheduleDeletion, 'Scheduled for deletion')
}

/** At once, and how long at least: 25 a second, half of what Secrets Manager allows for each of the two calls. */
const BATCH = 10
const BATCH_MS = 400

/**
 * Does it to every user, goes on after a failure and logs each one. 1 when one failed.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
 */
async function each(
  io: Io,
  users: StoredUser[],
  work: (secretId: string) => Promise<void>,
  did: string,
): Promise<number> {
  let failed = 0
  for (let start = 0; start < users.length; start += BATCH) {
    const pause = start + BATCH < users.length ? io.sleep(BATCH_MS) : undefined
    const results = await Promise.allSettled(users.slice(start, start + BATCH).map(({ secretId }) => work(secretId)))
    for (const result of results) {
      if (result.status === 'fulfilled') continue
      failed++
      log(io, `Failed: ${(result.reason as Error).message}`)
    }
    const ended = start + results.length
    if (ended % 100 === 0 && ended < users.length) log(io, `${ended} of ${users.length} …`)
    await pause
  }
  log(io, `${did}: ${users.length - failed}${failed > 0 ? `, failed: ${failed}` : ''}.`)
  return failed > 0 ? 1 : 0
}
