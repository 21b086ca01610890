/** An API of which every request must be signed, as API Gateway wants it with `auth=iam`. */
import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { close, listen, readBody } from '../../cli/loopback.ts'

export type Keys = { accessKeyId: string; secretAccessKey: string; sessionToken: string; region: string }

/** Passes on to `target` what these keys have signed, and answers anything else with 403. */
export async function startSignedApi(target: string, keys: Keys): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const body = await readBody(request)
    if (!isSigned(request, body, keys)) return response.writeHead(403).end('{"message":"Forbidden"}')
    const { method = 'GET', headers } = request
    const answer = await fetch(`${target}${request.url}`, {
      method,
      headers: { 'content-type': headers['content-type'] ?? '' },
      ...(body.length > 0 && { body }),
    })
    response.writeHead(answer.status).end(await answer.text())
  })
  return { url: await listen(server), close: () => close(server) }
}

const SIGNATURE =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/execute-api\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function isSigned({ method, url = '', headers }: IncomingMessage, body: Buffer, keys: Keys): boolean {
  const [, accessKeyId, day, region, signed = '', signature] = SIGNATURE.exec(headers.authorization ?? '') ?? []
  if (accessKeyId !== keys.accessKeyId || region !== keys.region) return false
  if (headers['x-amz-security-token'] !== keys.sessionToken) return false
  const names = signed.split(';')
  if (!['host', 'x-amz-date', 'x-amz-security-token'].every((name) => names.includes(name))) return false
  const [path = '', query = ''] = url.split('?')
  const canonical = [
    method,
    // Each segment as it was sent, encoded again.
    path.split('/').map(encode).join('/'),
    [...new URLSearchParams(query)]
      .map((pair) => pair.map(encode).join('='))
      .sort()
      .join('&'),
    ...names.map((name) => `${name}:${String(headers[name] ?? '').trim()}`),
    '',
    signed,
    hash(body),
  ].join('\n')
  const time = String(headers['x-amz-date'])
  const toSign = ['AWS4-HMAC-SHA256', time, `${day}/${region}/execute-api/aws4_request`, hash(canonical)].join('\n')
  const key = [day, region, 'execute-api', 'aws4_request'].reduce<Buffer | string>(
    (key, part = '') => sign(key, part),
    `AWS4${keys.secretAccessKey}`,
  )
  return sign(key, toSign).toString('hex') === signature
}

const hash = (data: Buffer | string) => createHash('sha256').update(data).digest('hex')
const sign = (key: Buffer | string, data: string) => createHmac('sha256', key).update(data).digest()
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
