/** Amazon EventBridge Scheduler at wire level, in memory: one-time schedules that put an event on a bus. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { CreateScheduleInput } from '@aws-sdk/client-scheduler'
import { close, listen, readBody } from '../../cli/loopback.ts'
import { AwsError, isFromHere } from './json-server.ts'

/** What is sent when its time has come. */
type ScheduledEvent = { EventBusName: string; Source: string; DetailType: string; Detail: string }

type SchedulerOptions = {
  /** The groups there are. */
  groups: string[]
  putEvent: (event: ScheduledEvent) => void
  /** Waits until a moment in epoch milliseconds; rejects when the signal aborts. */
  waitUntil?: (atMs: number, signal: AbortSignal) => Promise<void>
}

export type Scheduler = { readonly url: string; close(): Promise<void> }

type Schedule = CreateScheduleInput & { Name: string; GroupName: string; stop: AbortController }

/** Longer waits would end at once. */
const LONGEST_MS = 2 ** 31 - 1

async function sleepUntil(atMs: number, signal: AbortSignal): Promise<void> {
  for (let leftMs = atMs - Date.now(); leftMs > 0; leftMs = atMs - Date.now())
    await setTimeout(Math.min(leftMs, LONGEST_MS), undefined, { signal })
}

/** Starts the service on loopback. Schedules are deleted once they have run, and lost when it is closed. */
export async function startScheduler(options: SchedulerOptions): Promise<Scheduler> {
  const { groups, putEvent, waitUntil = sleepUntil } = options
  const schedules = new Map<string, Schedule>()

  const find = (group: string, name: string): Schedule => {
    const found = schedules.get(`${group}/${name}`)
    if (!found) throw new AwsError('ResourceNotFoundException', `Schedule ${name} does not exist.`, 404)
    return found
  }

  function create(name: string, input: CreateScheduleInput): object {
    const group = input.GroupName ?? 'default'
    if (!groups.includes(group))
      throw new AwsError('ResourceNotFoundException', `Schedule group ${group} does not exist.`, 404)
    if (schedules.has(`${group}/${name}`))
      throw new AwsError('ConflictException', `Schedule ${name} already exists.`, 409)
    const { Target, ScheduleExpression = '', ScheduleExpressionTimezone, ActionAfterCompletion } = input
    const { DetailType = '', Source = '' } = Target?.EventBridgeParameters ?? {}
    const [, time] = /^at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)$/.exec(ScheduleExpression) ?? []
    if (!time || ScheduleExpressionTimezone !== 'UTC' || ActionAfterCompletion !== 'DELETE' || !Target?.RoleArn)
      throw new AwsError('ValidationException', 'Only one-time schedules in UTC that are deleted once they have run.')
    const stop = new AbortController()
    schedules.set(`${group}/${name}`, { ...input, Name: name, GroupName: group, stop })
    const run = async () => {
      await waitUntil(Date.parse(`${time}Z`), stop.signal)
      if (stop.signal.aborted) return
      putEvent({ EventBusName: Target.Arn ?? '', Source, DetailType, Detail: Target.Input ?? '{}' })
      schedules.delete(`${group}/${name}`)
    }
    void run().catch(() => {})
    return { ScheduleArn: `arn:aws:scheduler:::schedule/${group}/${name}` }
  }

  function answerTo(method: string, url: URL, input: CreateScheduleInput): object {
    const [, root, encoded] = url.pathname.split('/')
    const name = decodeURIComponent(encoded ?? '')
    const group = url.searchParams.get('groupName') ?? url.searchParams.get('ScheduleGroup') ?? 'default'
    if (root !== 'schedules') throw new AwsError('UnknownOperationException', 'This operation is not emulated')
    if (method === 'POST' && name) return create(name, input)
    if (method === 'GET' && name) {
      const { stop: _, ...schedule } = find(group, name)
      return schedule
    }
    if (method === 'GET') {
      const all = [...schedules.values()].filter(({ GroupName }) => GroupName === group)
      return { Schedules: all.map(({ Name, GroupName, State }) => ({ Name, GroupName, State })) }
    }
    if (method === 'DELETE' && name) {
      find(group, name).stop.abort()
      schedules.delete(`${group}/${name}`)
      return {}
    }
    throw new AwsError('UnknownOperationException', 'This operation is not emulated')
  }

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const answer = (status: number, body: object, type?: string) => {
      response.writeHead(status, { 'content-type': 'application/json', ...(type && { 'x-amzn-errortype': type }) })
      response.end(JSON.stringify(body))
    }
    try {
      if (!isFromHere(request)) throw new AwsError('AccessDeniedException', 'Only for this machine', 403)
      const body = (await readBody(request)).toString()
      const url = new URL(request.url ?? '/', 'http://localhost')
      answer(200, answerTo(request.method ?? '', url, body ? JSON.parse(body) : {}))
    } catch (error) {
      if (error instanceof AwsError) answer(error.status, { Message: error.message }, error.type)
      else answer(500, { Message: String(error) }, 'InternalServerException')
    }
  }
  const server = createServer(handle)
  const url = await listen(server)
  return {
    url,
    async close() {
      for (const { stop } of schedules.values()) stop.abort()
      await close(server)
    },
  }
}
