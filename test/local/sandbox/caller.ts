/** The sandbox of a test, and what calls it: paths, tokens, and requests as both vendors' clients make them. */
import { onTestFinished } from 'vitest'
import {
  type Sandbox,
  type SandboxOptions,
  sampleWorld,
  startSandbox,
  type World,
} from '../../../local/sandbox/sandbox.ts'

export let sandbox: Sandbox
export let clock: number

/** Starts a sandbox for the test that calls it, with the sample world after a change, at a time that stands still. */
export const start = async (change: (world: World) => void = () => {}, options: SandboxOptions = {}) => {
  clock = 1_700_000_000_000
  const world = sampleWorld()
  change(world)
  sandbox = await startSandbox({ world, now: () => clock, ...options })
  onTestFinished(() => sandbox.close())
}

/** Lets time pass. */
export const pass = (seconds: number) => {
  clock += seconds * 1000
}

export interface Reply {
  status: number
  headers: Headers
  text: string
  json: Record<string, unknown>
}

export async function call(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Reply> {
  const response = await fetch(sandbox.url + path, {
    method,
    headers,
    redirect: 'manual',
    ...(body !== undefined && { body }),
  })
  const text = await response.text()
  let json = {}
  try {
    json = JSON.parse(text)
  } catch {}
  return { status: response.status, headers: response.headers, text, json }
}

export const post = (path: string, body: object) =>
  call('POST', path, { 'Content-Type': 'application/json' }, JSON.stringify(body))
export const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
export const ding = (token: string) => ({ 'x-acs-dingtalk-access-token': token })

export const selfBuilt = { app_id: 'cli_sandbox', app_secret: 'sandbox-app-secret' }
export const tenantTokenPath = '/open-apis/auth/v3/tenant_access_token/internal'
export const tenantToken = async () => String((await post(tenantTokenPath, selfBuilt)).json.tenant_access_token)
export const internal = { appKey: 'sandbox-app-key', appSecret: 'sandbox-app-secret' }
export const dingToken = async () => String((await post('/v1.0/oauth2/accessToken', internal)).json.accessToken)

export const unsubscription = '/open-apis/calendar/v4/calendars/unsubscription'
export const calendars = '/open-apis/calendar/v4/calendars'
export const acl = (name: string) => `${calendars}/${encodeURIComponent(name)}/acls/subscription`
export const sharedCalendar = 'feishu.cn_project@group.calendar.feishu.cn'
export const approval = (code: string) => `/open-apis/approval/v4/approvals/${code}/unsubscribe`
export const approvalCode = '7C468A54-8745-2245-9675-08B7C63E7A85'
export const drive = (token: string, query = 'file_type=docx') =>
  `/open-apis/drive/v1/files/${token}/delete_subscribe?${query}`
export const dingCalendar = (calendar: string, user = 'sandboxUnionId01iE') =>
  `/v1.0/calendar/users/${user}/calendars/${encodeURIComponent(calendar)}/unsubscribe`
export const leaver = bearer('u-sandbox-leaver')
export const custodian = bearer('u-sandbox-custodian')
