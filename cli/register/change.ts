/** `offboarding register add` and `register remove`: one subscription. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { ENDED, REGISTERED } from '../../lib/register-event.ts'
import { UsageError, withOptions } from '../command.ts'
import { assertNoWiki } from '../event/event-detail.ts'
import { sendEvent } from '../event/send-events.ts'
import { type Io, log } from '../io.ts'
import { type ConnectionOptions, connect, connectionOptions } from '../stack/connection.ts'
import { findIssues, loadEnding, type PersonOptions, personOptions, readDocument, readPerson } from './registration.ts'

type Options = ConnectionOptions & PersonOptions & { input?: Record<string, string> }

const inputOption = () =>
  new Option(
    '--input <name=value>',
    "a field of the operation, as in file_token, which may be a document's address; may be repeated",
  ).argParser((text: string, all: Record<string, string> = {}) => {
    const [, name, value] = /^(\w+)=(.+)$/s.exec(text) ?? []
    if (name === undefined || value === undefined) throw new InvalidArgumentError('It must be NAME=VALUE.')
    if (Object.hasOwn(all, name)) throw new InvalidArgumentError(`${name} was given before.`)
    return { ...all, [name]: value }
  })

const changeCommand = (
  io: Io,
  name: string,
  type: typeof REGISTERED | typeof ENDED,
  texts: [string, string],
): Command =>
  withOptions(
    new Command(name)
      .summary(texts[0])
      .description(texts[1])
      .argument('<operation>', 'what ends the subscription, as in feishu-drive-unsubscribe'),
    [...personOptions(), inputOption(), ...connectionOptions()],
  )
    .addHelpText(
      'after',
      `
Exit code 0: the event was sent. 1: the command failed. 2: wrong options,
nothing was sent.

Examples:
  npx offboarding register ${name} feishu-approval-unsubscribe \\
    --open-id ou_xxxxxxxx --input approval_code=7C468A54-8745-2245-9675-08B7C6
  npx offboarding register ${name} dingtalk-calendar-unsubscribe --stage prod \\
    --union-id XXXXXXXX --input userId=XXXXXXXX --input calendarId=XXXXXXXX`,
    )
    .action(async (operation: string, { input = {}, ...options }: Options) => {
      assertNoWiki(input.file_token ?? '', 'input file_token')
      const detail = { person: readPerson(options), operation, input: readDocument(input) }
      const issues = findIssues(await loadEnding(), detail)
      for (const [field, { en }] of issues) log(io, `  ${field}  ${en}`)
      if (issues.length > 0) throw new UsageError('this is no valid registration, see above. Nothing was sent.')
      await sendEvent(await connect(io, options), detail, type)
      log(io, `Sent "${type}" of ${operation}.`)
    })

export const addCommand = (io: Io): Command =>
  changeCommand(io, 'add', REGISTERED, [
    'enter a subscription',
    'Sends an event that enters a subscription in the register. Entering it twice does no harm.',
  ])

export const removeCommand = (io: Io): Command =>
  changeCommand(io, 'remove', ENDED, [
    'take a subscription out',
    'Sends an event that takes a subscription out of the register because it has ended in another way. Changes nothing at the vendor.',
  ])
