/** Reads request bodies. */

import type { IncomingMessage } from 'node:http'

/** The whole body as text. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** The string fields of a JSON or form body; `undefined` when it is no object. */
export function fieldsOf(body: string, isForm: boolean): Record<string, string> | undefined {
  if (isForm) return Object.fromEntries(new URLSearchParams(body))
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed !== 'object' || parsed === null) return undefined
    return Object.fromEntries(Object.entries(parsed).filter(([, value]) => typeof value === 'string'))
  } catch {
    return undefined
  }
}
