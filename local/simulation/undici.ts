/** Stands for `undici` in a simulated container: what lib/request.ts uses of it. It also keeps the time of an answer. */
import type { Host } from './host.ts'

declare const host: Host

type Options = {
  origin: string
  path: string
  method: string
  headers: Record<string, string>
  body: string | null
  headersTimeout: number
}
type Handler = {
  onRequestStart(controller: object): void
  onResponseStart(controller: object, status: number, headers: Record<string, string>): void
  onResponseData(controller: object, chunk: Buffer): void
  onResponseEnd(controller: object): void
  onResponseError(controller: object, error: Error): void
}

export class Agent {
  async dispatch({ origin, path, method, headers, body, headersTimeout }: Options, handler: Handler) {
    const controller = {}
    handler.onRequestStart(controller)
    try {
      const answer = await host.vendor({ method, url: origin + path, headers, body: body ?? '' }, headersTimeout)
      handler.onResponseStart(controller, answer.status, answer.headers)
      handler.onResponseData(controller, Buffer.from(answer.text))
      handler.onResponseEnd(controller)
    } catch (error) {
      handler.onResponseError(controller, error as Error)
    }
  }
}
