/** The errors that an operation's route answers in the OpenAPI document. */
import { dingtalkUserTokenCodes } from '../../lib/dingtalk/codes.ts'
import { authorizeDingtalkUser } from '../../lib/dingtalk/tokens.ts'
import { KINDS, type Kind, OperationError, toOperationError } from '../../lib/error.ts'
import { feishuOauthCodes } from '../../lib/feishu/token-codes.ts'
import { authorizeFeishuUser } from '../../lib/feishu/tokens.ts'
import type { Operation } from '../../lib/operation.ts'
import { type Input, parse } from '../../lib/schema.ts'
import { judge } from '../../lib/vendor/classify.ts'
import type { Credential, Meaning } from '../../lib/vendor/vendor.ts'
import { throttleMs } from '../../lib/vendor/vendor-call.ts'
import type { Answer } from '../../local/sandbox/call.ts'
import { dingtalkCodes } from '../../local/sandbox/codes.ts'
import { REQUEST_ID } from './samples.ts'
import { failureOf, response, VENDORS } from './vendor-answers.ts'

/** One error for each kind of failure the operation can end with, as the functions make it of the vendor's answer. */
export function errorsOf(operation: Operation, sample: Input, actsAsUser: boolean): OperationError[] {
  const { vendor, identity } = operation
  const found = new Map<Kind, OperationError>()
  const add = (fail: () => unknown) => {
    const error = thrownBy(fail)
    if (error && !found.has(error.kind)) found.set(error.kind, error)
  }
  const host = new URL(VENDORS[vendor.name].host).host
  const [field = ''] = Object.keys(sample)
  add(() => parse(operation.input, { ...sample, [field]: 'not an id' }))
  add(() => {
    throw toOperationError(undefined)
  })
  add(() => {
    throw new OperationError('timeout', { en: `${host} did not answer in time.`, zh: `${host} 未在时限内应答。` })
  })
  const unlisted: Answer = { status: 400, json: { code: 4711, msg: 'new', message: 'new', requestid: REQUEST_ID } }
  add(() => judge(operation, response(operation, unlisted)))

  const { as, userId } = identity(sample)
  for (const actsAs of new Set<Credential['actsAs']>(actsAsUser ? [as, 'user'] : [as]))
    for (const [code, codes] of codesOf(operation, actsAs))
      add(() =>
        judge(
          {
            ...operation,
            codes,
            actsAs,
            authorizeCommand: actsAs === 'user' && userId ? () => AUTHORIZE[vendor.name](userId) : undefined,
            throttleMs: throttleMs(operation),
          },
          response(operation, failureOf(operation, code)),
        ),
      )
  return (Object.keys(KINDS) as Kind[]).flatMap((kind) => found.get(kind) ?? [])
}

const AUTHORIZE = { feishu: authorizeFeishuUser, dingtalk: authorizeDingtalkUser }

/**
 * Every code that the sandbox can answer too, with the table it belongs to: the operation's, the vendor's, the tokens'. A
 * user's token that is rejected is renewed, and what becomes of that counts.
 */
function codesOf({ codes, vendor }: Operation, actsAs: Credential['actsAs']): [string, Record<string, Meaning>][] {
  const throttles = Object.keys(dingtalkCodes).filter((code) =>
    Object.keys(vendor.codePrefixes).some((prefix) => code.startsWith(prefix)),
  )
  const ofTokens = actsAs === 'user' ? TOKEN_CODES[vendor.name] : {}
  const known = (code: string) => VENDORS[vendor.name].gateway.failure(code, undefined) !== undefined
  const isRenewed = (code: string) => actsAs === 'user' && 'tokenRejected' in (vendor.codes[code] ?? {})
  return [
    ...[...Object.keys(codes), ...Object.keys(vendor.codes), ...throttles].map(
      (code): [string, Record<string, Meaning>] => [code, codes],
    ),
    ...Object.keys(ofTokens).map((code): [string, Record<string, Meaning>] => [code, ofTokens]),
  ].filter(([code]) => known(code) && !isRenewed(code))
}

const TOKEN_CODES = { feishu: feishuOauthCodes, dingtalk: dingtalkUserTokenCodes }

function thrownBy(fail: () => unknown): OperationError | undefined {
  try {
    fail()
  } catch (error) {
    if (error instanceof OperationError) return error
    throw error
  }
}
