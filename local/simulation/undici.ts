/** Stands for `undici` in a simulated container: what lib/request.ts uses of it. */
import { type Aborting, hostOf, type VendorAnswer } from './host.ts'

export class Agent {}

type Options = { method: string; headers: Record<string, string>; body: string | null; signal: Aborting }

export async function request(url: string, { method, headers, body, signal }: Options) {
  const {
    status,
    headers: answered,
    text,
  }: VendorAnswer = await hostOf(import.meta.url).vendor({ method, url, headers, body: body ?? '' }, signal)
  return { statusCode: status, headers: answered, body: { text: async () => text } }
}
