/** What the errors of Secrets Manager mean for a caller that needs the secret. */
import { OperationError, type Text } from '../error.ts'
import { isPermanent } from './sdk.ts'

/** The `OperationError` for an error of a call about the secret `id`. */
export function awsError(id: string, error: unknown): OperationError {
  if (error instanceof OperationError && error.kind === 'misconfigured') return error
  if ((error as Error).name === 'LimitExceededException') return full(id)
  if (isPermanent(error)) {
    const { name } = error as Error
    return new UnreadableSecret(id, `could not be read (${name})`, `无法读取（${name}）`)
  }
  return unavailable(id)
}

/** Secrets Manager failed or did not answer in time. */
export const unavailable = (id: string) =>
  new OperationError(
    'unavailable',
    { en: `Secrets Manager did not return secret "${id}".`, zh: `Secrets Manager 未返回密钥 "${id}"。` },
    { scope: 'us' },
  )

/** A secret has at most about 100 versions, of which none younger than a day is removed. */
const full = (id: string) =>
  new OperationError(
    'unavailable',
    {
      en: `Secret "${id}" holds as many versions as Secrets Manager allows (LimitExceededException).`,
      zh: `密钥 "${id}" 的版本数已达 Secrets Manager 上限（LimitExceededException）。`,
    },
    {
      scope: 'us',
      hint: {
        en: 'Secrets Manager makes room a day after the versions were written. Find out what else writes this secret.',
        zh: 'Secrets Manager 会在版本写入一天后腾出空间。请查明还有什么在写入该密钥。',
      },
    },
  )

/** What an operator has to do about the secret; `en` and `zh` say why. */
class SecretError extends OperationError {
  constructor(id: string, en: string, zh: string) {
    const hint: Text = {
      en: `Store the documented JSON in the secret "${id}" and allow this function to read it.`,
      zh: `请将文档所述的 JSON 写入密钥 "${id}"，并允许本函数读取。`,
    }
    super('misconfigured', { en: `Secret "${id}" ${en}.`, zh: `密钥 "${id}" ${zh}。` }, { scope: 'us', hint })
  }
}

/** The secret does not exist, or may not be read: IAM can answer either for one that does not exist. */
export class UnreadableSecret extends SecretError {}

/** The secret is of another shape. */
export const misconfigured = (id: string, en: string, zh: string): OperationError => new SecretError(id, en, zh)
