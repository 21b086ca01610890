/** Stands for `undici` in a simulated container: what lib/request.ts uses of it. */
import type { Aborting, Host } from './host.ts'

declare const host: Host

type Options = {
  origin: string
  path: string
  method: string
  headers: Record<string, string>
  body: string | null
  signal: Aborting
}

export class Agent {
  async request({ origin, path, method, headers, body, signal }: Options) {
    const request = { method, url: origin + path, headers, body: body ?? '' }
    const answer = await host.vendor(request, signal)
    return { statusCode: answer.status, headers: answer.headers, body: { text: async () => answer.text } }
  }
}
