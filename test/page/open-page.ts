/** The page of `npm start` in headless Chromium, with a stack of its own for each file of tests. */
import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { sendEvent } from '../../cli/event/send-events.ts'
import { processIo } from '../../cli/io.ts'
import { connect } from '../../cli/stack/connection.ts'
import { startProcess, stopProcesses } from '../cli/operator.ts'

const CHROMIUM = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

type Opened = {
  url: string
  sandboxUrl: string
  browser: Browser
  /** A new one for each test, in English, 1280 px wide. */
  page: Page
  /** What the page may not do: errors in the console or uncaught, and requests to other hosts. Each test ends without. */
  faults: string[]
}

/** Opens stack and browser before all tests of a file, and closes them after. The fields are there once a test runs. */
export function usePage({ speed }: { speed: number }): Opened {
  const opened = {} as Opened
  beforeAll(async () => {
    const executablePath = CHROMIUM.find((path) => path && existsSync(path))
    if (!executablePath)
      throw new Error(
        'No Chromium was found: install it (Debian: apt-get install chromium) or set CHROMIUM to its path',
      )
    const stack = startProcess('local/start.ts', ['--no-event', '--port', '0', '--speed', String(speed)])
    // Chromium's own sandbox does not work for root.
    opened.browser = await chromium.launch({
      executablePath,
      chromiumSandbox: process.getuid?.() !== 0,
      args: ['--host-resolver-rules=MAP evil.example 127.0.0.1'],
    })
    opened.url = await stack.until('stderr', /up at (http:\S+?)\. /)
    opened.sandboxUrl = await stack.until('stderr', /both vendors is at (http:\S+?),/)
  })
  afterAll(async () => {
    await opened.browser?.close()
    stopProcesses()
  })
  beforeEach(async () => {
    opened.faults = []
    opened.page = await openPage(opened, { locale: 'en-GB', viewport: { width: 1280, height: 900 } })
  })
  afterEach(async () => {
    await opened.page.close()
    expect(opened.faults).toEqual([])
  })
  return opened
}

/** Another page that is watched in the same way. */
export async function openPage(
  { browser, faults, url }: Opened,
  options: Parameters<Browser['newPage']>[0],
): Promise<Page> {
  const page = await browser.newPage({ reducedMotion: 'reduce', ...options })
  page.on('pageerror', ({ message }) => faults.push(message))
  page.on('request', (request) => new URL(request.url()).origin === url || faults.push(`request to ${request.url()}`))
  page.on('console', (message) => {
    // Chromium logs every refused call by itself; that those are shown is tested.
    const isRefusal =
      /^Failed to load resource: .* status of 4\d\d/.test(message.text()) &&
      /\/(feishu|dingtalk|offboardings)\b/.test(message.location().url)
    if (['error', 'warning'].includes(message.type()) && !isRefusal) faults.push(message.text())
  })
  return page
}

/** Sends an offboarding event as an operator does. */
export const sendOffboarding = async ({ url }: Opened, detail: unknown): Promise<string> =>
  sendEvent(await connect(processIo(), { local: url }), detail)

/** The offboarding of this id, as the page shows it. */
export const cardOf = (page: Page, id: string) =>
  page.getByRole('article').filter({ has: page.getByRole('heading', { name: id, exact: true }) })
