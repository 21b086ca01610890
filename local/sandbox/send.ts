/** Puts answers on the wire, whole or broken in the way a script asks. */

import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer } from './call.ts'
import { kindOf, type Script, type Scripts } from './script.ts'

/** What playing a script needs of the call it is played to. */
export interface Stage {
  response: ServerResponse
  /** Aborted when the sandbox closes. */
  signal: AbortSignal
  /** Does what the call asks and returns the signed answer. */
  normal(): Answer
  /** A documented failure of this vendor by its code, signed. */
  failure(code: string | number, message: string | undefined): Answer
  /** Signs a made-up answer. */
  sign(answer: Answer): Answer
}

/** Sends an answer whole. */
export function send(response: ServerResponse, answer: Answer): void {
  const body = bodyOf(answer)
  response.writeHead(answer.status, headersOf(answer, body)).end(body)
}

/** Plays a script in place of the normal answer. */
export const play = async (script: Script, stage: Stage): Promise<void> =>
  (plays[kindOf(script)] as (script: Script, stage: Stage) => void | Promise<void>)(script, stage)

const plays: { [K in keyof Scripts]: (script: Scripts[K], stage: Stage) => void | Promise<void> } = {
  async status({ status, headers = {}, body = '', delayMs = 0 }, { response, sign, signal }) {
    await delay(delayMs, undefined, { signal })
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    // Signed as a text answer: the handle goes into the headers, and the body stays as it was written.
    const signed = sign({ status, text })
    send(response, { ...signed, headers: { ...signed.headers, 'Content-Type': json, ...headers } })
  },

  async code({ code, message, delayMs = 0 }, { response, failure, signal }) {
    await delay(delayMs, undefined, { signal })
    send(response, failure(code, message))
  },

  async reset({ reset, handled = false }, { response, normal }) {
    if (reset === 'after-headers') await sendHalf(response, normal())
    else if (handled) normal()
    response.socket?.destroy()
  },

  async stall({ stall, handled = false }, { response, normal }) {
    if (stall === 'body') await sendHalf(response, normal())
    else if (handled) normal()
  },

  truncated(_script, { response, normal }) {
    const answer = normal()
    const { json: _json, ...rest } = answer
    send(response, { ...rest, headers: { 'Content-Type': json, ...answer.headers }, text: half(bodyOf(answer)) })
  },

  html({ status = 200 }, { response, sign }) {
    const text = '<!doctype html><html><head><title>Blocked</title></head><body>Access denied</body></html>'
    send(response, sign({ status, headers: { 'Content-Type': 'text/html; charset=utf-8' }, text }))
  },

  async oversized({ oversized }, { response, sign }) {
    const { status, headers } = sign({ status: 200 })
    response.writeHead(status, { ...headers, 'Content-Type': json })
    response.write('{"code":0,"msg":"success","data":{},"result":true,"padding":"')
    const chunk = 'x'.repeat(65_536)
    for (let left = oversized; left > 0 && !response.destroyed; left -= chunk.length) {
      await flushed(response, chunk.slice(0, left))
    }
    response.end('"}')
  },

  change({ change, headers = {} }, { response, normal }) {
    const answer = normal()
    send(response, {
      ...answer,
      headers: withChanges(answer.headers ?? {}, headers) as Record<string, string>,
      ...(answer.json && { json: withChanges(answer.json, change) }),
    })
  },

  async slowMs({ slowMs }, { response, normal, signal }) {
    await delay(slowMs, undefined, { signal })
    send(response, normal())
  },
}

/** The fields with `changes` over them; those changed to null are left out. */
const withChanges = (fields: Record<string, unknown>, changes: Record<string, unknown>) =>
  Object.fromEntries(Object.entries({ ...fields, ...changes }).filter(([, value]) => value !== null))

const json = 'application/json; charset=utf-8'

const bodyOf = ({ json, text = '' }: Answer): string => (json === undefined ? text : JSON.stringify(json))

const headersOf = (answer: Answer, body: string) => ({
  ...(answer.json !== undefined && { 'Content-Type': json }),
  'Content-Length': Buffer.byteLength(body),
  ...answer.headers,
})

const half = (body: string): string => body.slice(0, Math.ceil(body.length / 2))

/** Announces the whole body and sends half of it. */
async function sendHalf(response: ServerResponse, answer: Answer): Promise<void> {
  const body = bodyOf(answer)
  response.writeHead(answer.status, headersOf(answer, body))
  await flushed(response, half(body) || ' ')
}

/** Resolves when the chunk has left, or the connection has ended. */
const flushed = (response: ServerResponse, chunk: string): Promise<void> =>
  new Promise((resolve) => {
    response.once('close', resolve)
    response.write(chunk, () => {
      response.off('close', resolve)
      resolve()
    })
  })
