/** What an operator does on the page: starts an offboarding, redrives it, saves its report. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Page } from 'playwright-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { close, listen } from '../../cli/loopback.ts'
import { run } from '../cli/operator.ts'
import { cardOf, sendOffboarding, usePage } from './open-page.ts'

const opened = usePage({ speed: 600 })
let url: string
let page: Page
beforeEach(async () => {
  ;({ url, page } = opened)
  await page.goto(url)
  await page.getByText('live', { exact: true }).waitFor()
})

const card = (id: string) => cardOf(page, id)
const badge = (id: string) => card(id).locator('header .badge').first()
type World = { subscriptions: { feishu: { calendar: string[] } } }
const subscribed = async () => {
  const response = await fetch(`${opened.sandboxUrl}/_sandbox/state`)
  return ((await response.json()) as World).subscriptions.feishu.calendar
}

async function startDryRun(leaver: string, custodian: string, id: string): Promise<void> {
  await page.getByLabel("Leaver's e-mail address").fill(leaver)
  await page.getByLabel("Custodian's e-mail address").fill(custodian)
  await page.getByLabel('Your case id').fill(id)
  await page.getByRole('button', { name: 'Start dry run' }).click()
}

test('starts an offboarding by name: the dry run first, then, when it is confirmed, the real one', async () => {
  const here = (...args: string[]) => run([...args, '--open-id', 'ou_leaver', '--local', url])
  const input = ['file_token=doxcnSandboxForbidden', 'file_type=docx'].flatMap((field) => ['--input', field])
  await here('register', 'add', 'feishu-drive-unsubscribe', ...input)
  await expect
    .poll(async () => (await here('register', 'list')).stdout, { timeout: 30_000 })
    .toContain('doxcnSandboxForbidden')
  await startDryRun('leaver@corp.example', 'custodian@corp.example', 'hr-1')
  await card('hr-1').getByText('dry run', { exact: true }).waitFor()
  await card('hr-1').getByText('would be parked').first().waitFor()
  await card('hr-1').getByText('ou_leaver').first().waitFor()
  await card('hr-1').getByRole('button', { name: 'Offboard …' }).click()
  const dialog = page.getByRole('dialog', { name: 'Offboard this leaver?' })
  await dialog.getByText('leaver@corp.example').waitFor()
  await dialog.getByText('custodian@corp.example').waitFor()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  expect(await subscribed()).toContain('ou_leaver')

  await card('hr-1').getByRole('button', { name: 'Offboard …' }).click()
  await page.getByRole('button', { name: 'Offboard now' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await card('hr-1')
    .locator('.counts')
    .getByText(/^\d+ changed$/)
    .waitFor()
  expect(await card('hr-1').getByText('dry run', { exact: true }).count()).toBe(0)
  expect(await card('hr-1').getByRole('button', { name: 'Offboard …' }).count()).toBe(0)
  expect(await subscribed()).not.toContain('ou_leaver')
})

test('says in both languages that nobody was found, and offers no real run', async () => {
  await startDryRun('unknown@corp.example', '', '')
  const it = page.getByRole('article').filter({ hasText: 'The leaver was found nowhere. Feishu: unknown' })
  await it.waitFor()
  expect(await it.getByText('rejected', { exact: true }).count()).toBe(1)
  expect(await it.getByRole('button', { name: 'Offboard …' }).count()).toBe(0)
  await page.getByRole('button', { name: '中文' }).click()
  await page.getByText(/未找到离职者。飞书：不存在.*钉钉：/).waitFor()
})

test('says why a request was refused, with the JSON behind a fold', async () => {
  await startDryRun('leaver@corp.example', '', 'hr-2')
  await card('hr-2').waitFor()
  await startDryRun('custodian@corp.example', '', 'hr-2')
  const form = page.getByRole('region', { name: 'Start an offboarding' })
  await form.getByText('This offboarding was asked for before, with another content.').waitFor()
  expect(await form.getByRole('definition').allTextContents()).toEqual([
    'invalid_request',
    expect.stringMatching(/^[0-9a-f-]{36}$/),
  ])
  expect(await form.locator('pre').count()).toBe(0)
  await form.getByText('JSON').click()
  await form.getByText('"urn:subscription-offboarding:error:invalid_request"').waitFor()
})

describe('what needs an operator', () => {
  const forbidden = { files: [{ fileToken: 'doxcnSandboxForbidden', fileType: 'docx' }] }

  test('is not green, comes back by a redrive once its cause is gone, and then is the newest', async () => {
    await sendOffboarding(opened, { offboardingId: 'parked', feishu: forbidden })
    await expect.poll(() => badge('parked').textContent()).toBe('needs an operator')
    expect(await badge('parked').getAttribute('class')).not.toContain('good')
    expect(await card('parked').locator('progress.good').count()).toBe(0)
    const notice = card('parked').locator('.notice')
    await notice.getByText('Make the app (or the user) a manager of the document').waitFor()
    expect(await notice.getByRole('definition').allTextContents()).toEqual([
      'forbidden',
      '1069603',
      expect.stringMatching(/^[0-9a-f]{32}$/),
    ])
    expect(await notice.locator('pre').count()).toBe(0)

    await sendOffboarding(opened, {
      offboardingId: 'later',
      feishu: { approvalCodes: ['7C468A54-8745-2245-9675-08B7C63E7A85'] },
    })
    await expect.poll(() => badge('later').textContent()).toBe('finished')
    expect(await badge('later').getAttribute('class')).toContain('good')
    const first = () => page.getByRole('article').first().getByRole('heading').first().textContent()
    expect(await first()).toBe('later')

    const letters = async () => JSON.parse((await run(['letters', 'list', '--json', '--local', url])).stdout)
    const redriveButton = card('parked').getByRole('button', { name: 'Redrive …' })
    await redriveButton.click()
    await page.getByRole('button', { name: 'Cancel' }).click()
    expect(await letters()).toContainEqual(expect.objectContaining({ offboardingId: 'parked' }))

    const body = JSON.stringify({ token: 'doxcnSandboxForbidden', appManages: true })
    await fetch(`${opened.sandboxUrl}/_sandbox/documents`, { method: 'POST', body })
    await redriveButton.click()
    await page.getByRole('dialog').getByText('doxcnSandboxForbidden docx').waitFor()
    await page.getByRole('button', { name: 'Redrive now' }).click()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await expect.poll(() => badge('parked').textContent()).toBe('finished')
    expect(await badge('parked').getAttribute('class')).toContain('good')
    expect(await first()).toBe('parked')
    expect(await redriveButton.count()).toBe(0)
    expect(await letters()).not.toContainEqual(expect.objectContaining({ offboardingId: 'parked' }))
  })

  test('keeps the question open with the reason when a redrive fails', async () => {
    await sendOffboarding(opened, {
      offboardingId: 'gone-letter',
      feishu: { approvalCodes: ['c'.repeat(128)] },
    })
    const redriveButton = card('gone-letter').getByRole('button', { name: 'Redrive …' })
    await redriveButton.click()
    await page.route('**/_page/redrive', (route) => route.abort())
    await page.getByRole('button', { name: 'Redrive now' }).click()
    await page.getByRole('dialog').getByText('No answer: is npm start still running?').waitFor()
    opened.faults = opened.faults.filter((fault) => !fault.startsWith('Failed to load resource: net::ERR_FAILED'))
    await page.unroute('**/_page/redrive')
    await page.getByRole('button', { name: 'Redrive now' }).click()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
  })
})

test.each([
  ['CSV', 'csv', '--csv'],
  ['JSON', 'json', '--json'],
  ['Markdown', 'md', '--markdown'],
])('saves the report as %s, as the command writes it', async (name, ending, option) => {
  const offboardingId = `report-'${ending}';1`
  const event = { offboardingId, feishu: { files: [{ fileToken: 'doxcnSandbox01', fileType: 'docx' }] } }
  await sendOffboarding(opened, event)
  await expect.poll(() => badge(offboardingId).textContent()).toBe('finished')
  const link = card(offboardingId).getByRole('link', { name: `Save report: ${name}` })
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()])
  expect(download.suggestedFilename()).toMatch(new RegExp(`^report-.${ending}.;1\\.${ending}$`))
  const { stdout } = await run(['report', offboardingId, option, '--local', url])
  expect(await readFile(await download.path(), 'utf8')).toBe(stdout)
})

test('all of it goes with the keyboard alone', async () => {
  const focused = () => page.evaluate('document.activeElement.textContent || document.activeElement.id')
  const press = (key: string) => page.keyboard.press(key)
  const order: unknown[] = []
  for (let index = 0; index < 6; index++) {
    await press('Tab')
    order.push(await focused())
  }
  expect(order).toEqual([
    'Offboardings',
    '中文',
    'start-leaver',
    'start-custodian',
    'start-offboardingId',
    'Start dry run',
  ])
  await page.getByLabel("Leaver's e-mail address").focus()
  await page.keyboard.type('leaver@corp.example')
  await press('Tab')
  await press('Tab')
  await page.keyboard.type('by-keyboard')
  await press('Enter')
  const offer = card('by-keyboard').getByRole('button', { name: 'Offboard …' })
  await offer.focus()
  await press('Enter')
  expect(await page.evaluate('document.querySelector("dialog").contains(document.activeElement)')).toBe(true)
  await press('Escape')
  await expect.poll(focused).toBe('Offboard …')
  await press('Enter')
  await page.getByRole('button', { name: 'Offboard now' }).focus()
  await press('Enter')
  await expect.poll(() => badge('by-keyboard').textContent()).toBe('finished')
})

test('another site can neither redrive nor read a report, and a form cannot redrive', async () => {
  const site = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<p>a site'))
  const { port } = new URL(await listen(site))
  const visitor = await opened.browser.newPage()
  await visitor.goto(`http://evil.example:${port}`)
  const statuses: number[] = []
  visitor.on('response', (response) => response.url().startsWith(url) && statuses.push(response.status()))
  const attempt = (script: string) => visitor.evaluate(`(${script}).then(() => 'done', () => 'refused')`)
  await attempt(
    `fetch('${url}/_page/redrive', { method: 'POST', mode: 'no-cors', body: '{"offboardingId":"parked"}' })`,
  )
  expect(statuses).toEqual([403])
  const report = `${url}/_page/report?offboarding=parked&format=json`
  expect(await attempt(`fetch('${report}')`)).toBe('refused')
  expect(await attempt(`fetch('${report}', { mode: 'no-cors' })`)).toBe('refused')
  await visitor.close()
  await close(site)

  const post = async (type: string, body: string) =>
    (await fetch(`${url}/_page/redrive`, { method: 'POST', headers: { 'content-type': type }, body })).status
  expect(await post('text/plain', '{"offboardingId":"parked"}')).toBe(415)
  for (const body of ['', 'no', '[]', 'null', '{}', '{"offboardingId":1}', '{"offboardingId":""}'])
    expect(await post('application/json', body)).toBe(400)
  for (const [query, status] of [
    ['offboarding=parked', 400],
    ['offboarding=parked&format=toString', 400],
    ['format=csv', 400],
    ['offboarding=unheard-of&format=csv', 404],
    ['offboarding=--help&format=csv', 404],
  ])
    expect((await fetch(`${url}/_page/report?${query}`)).status).toBe(status)
})
