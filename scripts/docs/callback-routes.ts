/** What the vendors push, as the OpenAPI document has it. */
import { object } from './json-schema.ts'
import { VENDORS } from './vendor-answers.ts'

/** The webhooks of a stage with vendorCallbacks=on, by name: no caller of the API uses their routes. */
export function callbackRoutes() {
  const refused = (en: string, zh: string, status: number) => ({
    description: en,
    'x-description-zh': zh,
    content: { 'application/json': { schema: object({ status: { const: status } }), example: { status } } },
  })
  const encrypted = object({ encrypt: { type: 'string', description: 'Base64.' } })
  const post = (vendor: 'feishu' | 'dingtalk', page: string, body: object, parameters: object[], answer: object) => ({
    post: {
      operationId: `${vendor}-callback`,
      tags: [vendor],
      summary: `Takes what ${VENDORS[vendor].title.en} pushes, at POST /${vendor}/callback.`,
      'x-summary-zh': `接收${VENDORS[vendor].title.zh}的推送，地址为 POST /${vendor}/callback。`,
      externalDocs: { url: page },
      security: [],
      parameters,
      requestBody: { required: true, content: { 'application/json': { schema: body } } },
      responses: {
        200: {
          description: 'Taken.',
          'x-description-zh': '已接收。',
          content: { 'application/json': { schema: answer } },
        },
        400: refused('Not as the vendor documents it, or more than 256 KB.', '不符合厂商文档，或超过 256 KB。', 400),
        401: refused('The signature, the key, the app or the time does not fit.', '签名、密钥、应用或时间不符。', 401),
        404: refused('This stage has no callback secret of the vendor.', '本环境没有该厂商的回调密钥。', 404),
        500: { description: 'Failed here: push it again.', 'x-description-zh': '本方故障，请重新推送。' },
      },
    },
  })
  const text = (name: string, where: string) => ({ name, in: where, schema: { type: 'string' } })
  return {
    'feishu-callback': post(
      'feishu',
      'https://open.feishu.cn/document/ukTMukTMukTM/uYDNxYjL2QTM24iN0EjN/event-subscription-configure-/encrypt-key-encryption-configuration-case',
      encrypted,
      ['X-Lark-Request-Timestamp', 'X-Lark-Request-Nonce', 'X-Lark-Signature'].map((name) => text(name, 'header')),
      {
        ...object({ challenge: { type: 'string' } }, ['challenge']),
        description: 'With `challenge` when Feishu verifies the URL, else empty.',
      },
    ),
    'dingtalk-callback': post(
      'dingtalk',
      'https://open.dingtalk.com/document/development/http-callback-overview',
      encrypted,
      ['msg_signature', 'signature', 'timestamp', 'nonce'].map((name) => text(name, 'query')),
      {
        ...object({
          msg_signature: { type: 'string' },
          timeStamp: { type: 'string' },
          nonce: { type: 'string' },
          encrypt: { type: 'string' },
        }),
        description: 'The word `success`, encrypted and signed.',
      },
    ),
  }
}
