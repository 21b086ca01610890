/** The loopback page that a vendor's consent page redirects to: answers once, in English and Chinese. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { Text } from '../../lib/error.ts'
import { CommandError } from '../command.ts'
import { close, listen } from '../loopback.ts'

export type Page = { status: number; title: Text; text: Text }

/** The redirect as it came; the browser waits until it is answered. */
export type Redirect = { query: URLSearchParams; answer: (page: Page) => Promise<void> }

export type Callback = {
  redirectUri: string
  /** The first redirect that carries the state; undefined when `timeout` resolves first. */
  wait: (timeout: (signal: AbortSignal) => Promise<void>) => Promise<Redirect | undefined>
  close: () => Promise<void>
}

const PATH = '/callback'

/**
 * Listens on 127.0.0.1 for `GET /callback` with this state, which is good for one use. Any other request is refused and
 * changes nothing, so that no other page in the browser can end the consent; `onRefused` hears of a wrong state.
 */
export async function startCallback(options: {
  port: number
  state: string
  onRefused: () => void
}): Promise<Callback> {
  const { promise, resolve } = Promise.withResolvers<Redirect | undefined>()
  let used = false

  const server = createServer((request, response) => {
    const url = URL.parse(request.url ?? '', 'http://127.0.0.1')
    const answer = (page: Page) => send(response, page)
    if (url?.pathname !== PATH) return void answer(NOT_FOUND)
    if (request.method !== 'GET') return void answer(WRONG_METHOD)
    if (!equal(url.searchParams.get('state') ?? '', options.state)) {
      options.onRefused()
      return void answer(WRONG_STATE)
    }
    if (used) return void answer(USED)
    used = true
    resolve({ query: url.searchParams, answer })
  })
  const url = await listen(server, options.port).catch(({ code }: NodeJS.ErrnoException) => {
    const why = code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used (${code})`
    throw new CommandError(`port ${options.port} ${why}: free it, or give another --port and register its URL`)
  })

  return {
    redirectUri: `${url}${PATH}`,
    async wait(timeout) {
      const waiting = new AbortController()
      timeout(waiting.signal).then(
        () => resolve(undefined),
        () => {},
      )
      const redirect = await promise
      waiting.abort()
      return redirect
    },
    close: () => close(server),
  }
}

/** Takes as long whatever the difference. */
const equal = (given: string, wanted: string): boolean => timingSafeEqual(digest(given), digest(wanted))
const digest = (text: string) => createHash('sha256').update(text).digest()

/** Sends the page; done when it is sent or the browser is gone. */
function send(response: ServerResponse, { status, title, text }: Page): Promise<void> {
  if (response.destroyed) return Promise.resolve()
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    connection: 'close',
    ...(status === 405 && { allow: 'GET' }),
  })
  const section = (language: string, key: keyof Text) =>
    `<section lang="${language}"><h1>${asText(title[key])}</h1><p>${asText(text[key])}</p></section>`
  return new Promise((resolve) => {
    response.once('close', resolve)
    response.end(
      `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${asText(title.en)}</title></head>` +
        `<body>${section('en', 'en')}${section('zh-CN', 'zh')}</body></html>\n`,
    )
  })
}

const asText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const NOT_FOUND: Page = {
  status: 404,
  title: { en: 'Not found', zh: '页面不存在' },
  text: { en: 'Only the redirect after a consent is answered here.', zh: '此处仅响应授权后的跳转。' },
}
const WRONG_METHOD: Page = { ...NOT_FOUND, status: 405 }
const WRONG_STATE: Page = {
  status: 400,
  title: { en: 'Refused', zh: '已拒绝' },
  text: {
    en: 'This redirect belongs to no consent that is under way. Open the address that the command printed.',
    zh: '该跳转不属于正在进行的授权。请打开命令输出的地址。',
  },
}
const USED: Page = {
  status: 410,
  title: { en: 'Already used', zh: '已使用' },
  text: {
    en: 'This consent has already been used. The command shows how it ended.',
    zh: '该授权已被处理，结果请见命令输出。',
  },
}
