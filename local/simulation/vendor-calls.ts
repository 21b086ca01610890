/** Calls to the vendors' sandbox, in simulated time and with what goes wrong on the way. */
import type { Answer } from '../sandbox/call.ts'
import type { Vendors } from '../sandbox/vendors.ts'
import { type Caller, type Conditions, FROZEN_MS, killed } from './conditions.ts'
import type { VendorAnswer, VendorRequest } from './host.ts'

/** `refusals`: each call that the vendor refused because of a limit, with the token that made it. */
export function startVendorCalls(vendors: Vendors, { clock, latencies, faults, random, take, countsOf }: Conditions) {
  const { wayJitterMs = 0 } = latencies
  const refusals: { atMs: number; operation: string; token: string }[] = []

  async function callVendor(caller: Caller, request: VendorRequest, timeoutMs: number): Promise<VendorAnswer> {
    const { name, container } = caller
    const counted = countsOf(name)
    const { pathname, search } = new URL(request.url)
    const headers = lowerCase(request.headers)
    await clock.sleep(latencies.vendorMs / 2 + (wayJitterMs && wayJitterMs * random()))
    const received = vendors.receive({ ...request, url: pathname + search, headers })
    const isOperation = !/token|user_info|users\/me/i.test(received.called.replace(':file_token', ''))
    const bearer = headers.authorization?.replace(/^Bearer /, '') ?? ''
    const user = vendors.state.tokens.feishu.access.get(bearer)?.userId
    const injected = faults.vendor?.(pathname, clock.nowMs, container, user)
    const answerWith = async (answer: Answer): Promise<VendorAnswer> => {
      await take(latencies.vendorMs / 2)
      const { status, headers = {}, json, text = '' } = answer
      return { status, headers: lowerCase(headers), text: json === undefined ? text : JSON.stringify(json) }
    }
    if (isOperation) counted.vendorCalls++
    switch (injected?.fault) {
      case 'reset':
        if (injected.handled) received.normal()
        throw Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' })
      case 'killed':
        if (injected.handled) received.normal()
        return killed(caller, 'a vendor call')
      case 'frozen': {
        const handled = injected.handled && received.normal()
        await clock.sleep(FROZEN_MS)
        return answerWith(handled || received.normal())
      }
      case 'stall':
        if (injected.handled) received.normal()
        await clock.sleep(timeoutMs)
        throw Object.assign(new Error('timeout'), { name: 'TimeoutError' })
      case 'truncated': {
        const whole = await answerWith(received.normal())
        return { ...whole, text: whole.text.slice(0, Math.ceil(whole.text.length / 2)) }
      }
      case 'change': {
        const { json, ...rest } = received.normal()
        const fields = Object.entries({ ...json, ...injected.change }).filter(([, value]) => value !== null)
        return answerWith({ ...rest, ...(json && { json: Object.fromEntries(fields) }) })
      }
      case 'html':
        return answerWith(
          received.sign({ status: injected.status ?? 200, text: '<!doctype html><title>Blocked</title>' }),
        )
      case 'answer': {
        const { status, headers: given = {}, body } = injected
        const signed = received.sign({ status, text: JSON.stringify(body) })
        return answerWith({ ...signed, headers: { ...signed.headers, ...given } })
      }
      case 'code':
        return answerWith(received.failure(injected.code, undefined))
    }
    const answer = received.normal()
    const isRefused =
      answer.status === 429 ||
      answer.json?.code === 99991400 ||
      /Qps|Qpm/.test(String(answer.json?.code)) ||
      answer.json?.errcode === 90006
    if (isOperation && isRefused) {
      counted.refusedCalls++
      refusals.push({
        atMs: clock.nowMs,
        operation: name,
        token: headers.authorization ?? headers['x-acs-dingtalk-access-token'] ?? '',
      })
    }
    return answerWith(answer)
  }

  return { callVendor, refusals }
}

const lowerCase = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
