/** The parameters of the routes, as the OpenAPI document has them. */
import type { Text } from '../../lib/error.ts'

export const parameter = (name: string, where: string, required: boolean, schema: object, text: Text | undefined) => ({
  name,
  in: where,
  required,
  description: text?.en,
  'x-description-zh': text?.zh,
  schema,
})

/** Parameters of more than one route, by the name that `parameterRef` takes. */
export const SHARED_PARAMETERS = {
  dryRun: parameter(
    'dry_run',
    'query',
    false,
    { type: 'boolean', default: false },
    {
      en: 'Checks input, secret and token, asks the vendor by calls that only read what would become of it, and answers that and the request it would send. Changes no subscription; may renew and store the user’s token.',
      zh: '检查输入、密钥与令牌，以只读调用向厂商查询结果会如何，并给出该结果与将要发送的请求。不改变任何订阅；与其他调用一样，可能刷新并保存用户令牌。',
    },
  ),
  offboardingId: parameter(
    'offboarding_id',
    'query',
    false,
    { $ref: '#/components/schemas/Id' },
    {
      en: 'Your id of the offboarding that the call belongs to. The call is then recorded in the ledger, with its caller and outcome, and the answer takes some milliseconds longer.',
      zh: '本次调用所属离职处理的编号（由您指定）。调用及其调用方与结果将记入台账，应答会延迟数毫秒。',
    },
  ),
  acceptLanguage: parameter(
    'Accept-Language',
    'header',
    false,
    { type: 'string' },
    {
      en: 'Chinese before English here makes `title`, `detail` and `hint` Chinese.',
      zh: '若中文优先于英文，则 title、detail、hint 以中文返回。',
    },
  ),
}

/** Stands for a shared parameter in a route. */
export const parameterRef = (name: string) => ({ $ref: `#/components/parameters/${name}` })
