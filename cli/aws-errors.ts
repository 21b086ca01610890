/** What AWS's refusals mean for an operator: one line with what to do. Nothing of AWS's own message, which may repeat what it was sent. */
import { CommandError } from './command.ts'

/** What an error of AWS or of the network is called. */
export const nameOf = (error: unknown): string => {
  const { name, code } = error as { name: string; code?: string }
  return name === 'Error' || name === 'AggregateError' ? (code ?? name) : name
}

const EXPIRED = 'the AWS session has expired: log in to AWS again'

/** Errors that any other call would meet as well, by name, and what to do. */
const REFUSALS: [names: RegExp, text: string][] = [
  [
    /^(CredentialsProviderError|TokenProviderError)$/,
    'no AWS credentials found: set AWS_PROFILE, or log in to AWS first',
  ],
  [/^(ExpiredToken|ExpiredTokenException|RequestExpired)$/, EXPIRED],
  [
    /^(UnrecognizedClient(Exception)?|InvalidClientTokenId|InvalidAccessKeyId|InvalidSignature(Exception)?|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken(Exception)?|AuthFailure|OptInRequired)$/,
    "AWS does not accept these credentials: check AWS_PROFILE, --region and this machine's clock",
  ],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'AWS could not be reached: check --region and the network'],
]

/** What is wrong with every call of this operator; undefined for an error of this call alone. */
export function refusalOf(error: unknown): string | undefined {
  const name = nameOf(error)
  const text = REFUSALS.find(([names]) => names.test(name))?.[1]
  // A login that has ended is reported by the SDK as missing credentials.
  return text && /^(Cred|Tok)/.test(name) && /expired/i.test(String((error as Error).message)) ? EXPIRED : text
}

/** What the service of an IAM action calls the thing it acts on. */
const NOUNS: Record<string, string> = {
  dynamodb: 'table',
  events: 'event bus',
  lambda: 'function',
  scheduler: 'schedule group',
  secretsmanager: 'secret',
  sqs: 'queue',
}

/** What the call of an IAM action (`sqs:SendMessage`) on `of` threw, by its name alone. */
export function toCommandError(action: string, of: string | undefined, error: unknown): CommandError {
  if (error instanceof CommandError) return error
  const refusal = refusalOf(error)
  if (refusal) return new CommandError(refusal)
  const name = nameOf(error)
  const [service = '', call] = action.split(':')
  if (of && /ResourceNotFound|QueueDoesNotExist|NonExistentQueue/.test(name))
    return new CommandError(`there is no ${NOUNS[service]} ${of} here: check stage, region and account`)
  const hint = /^AccessDenied/.test(name) ? `; you need ${action}` : ''
  return new CommandError(`${call}${of ? ` of "${of}"` : ''} failed (${name})${hint}`)
}

/** Rethrows what the call of an IAM action threw as `toCommandError` has it. */
export const failed =
  (action: string, of?: string) =>
  (error: unknown): never => {
    throw toCommandError(action, of, error)
  }
