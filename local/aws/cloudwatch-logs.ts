/** Amazon CloudWatch Logs at wire level, in memory: what the functions write, found by FilterLogEvents. */
import type { FilteredLogEvent, FilterLogEventsRequest } from '@aws-sdk/client-cloudwatch-logs'
import { AwsError, type AwsJsonService, startAwsJson } from './json-server.ts'

export type CloudWatchLogs = AwsJsonService & {
  createGroup(name: string): void
  /** Adds a line to a group, as the function's runtime does; `@default` timestamp now, in milliseconds. */
  write(group: string, message: string, timestamp?: number): void
}

/** A page is made of at most this many of a group's lines, so one may be empty although more follow, as on AWS. */
const SCANNED_LINES = 1_000

/** Starts the service on loopback. */
export async function startCloudWatchLogs(): Promise<CloudWatchLogs> {
  const groups = new Map<string, FilteredLogEvent[]>()
  let written = 0

  function filter(input: FilterLogEventsRequest) {
    const { logGroupName = '', startTime = 0, endTime = Number.POSITIVE_INFINITY, limit = 10_000 } = input
    const lines = groups.get(logGroupName)
    if (!lines) throw new AwsError('ResourceNotFoundException', 'The specified log group does not exist.')
    const matches = matcherOf(input.filterPattern)
    const from = Number(input.nextToken ?? 0)
    if (!Number.isInteger(from)) throw invalid('The specified nextToken is invalid.')
    const events: FilteredLogEvent[] = []
    let next = from
    for (; next < Math.min(lines.length, from + SCANNED_LINES) && events.length < limit; next++) {
      const line = lines[next]
      const { timestamp = 0, message = '' } = line ?? {}
      if (line && timestamp >= startTime && timestamp <= endTime && matches(message)) events.push(line)
    }
    return { events, searchedLogStreams: [], ...(next < lines.length && { nextToken: String(next) }) }
  }

  const service = await startAwsJson({ FilterLogEvents: filter })
  return {
    ...service,
    createGroup: (name) => void (groups.has(name) || groups.set(name, [])),
    write(group, message, timestamp = Date.now()) {
      const eventId = String(written++).padStart(56, '0')
      groups.get(group)?.push({ logStreamName: '$LATEST', timestamp, ingestionTime: Date.now(), message, eventId })
    },
  }
}

/**
 * Filter patterns for JSON lines that ask whether one of some fields has a value: `{ ($.a = "x") || ($.b = "y*") }`. Only
 * a last `*` stands for anything. Other patterns are refused, lest they match by mistake.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/matching-terms-json-log-events.html
 */
function matcherOf(pattern = ''): (message: string) => boolean {
  if (pattern === '') return () => true
  const inner = /^\{(.+)\}$/.exec(pattern.trim())?.[1] ?? ''
  const terms = inner.split('||').map((term) => {
    const [, bracketed, bare] = /^\s*(?:\((.+)\)|(.+?))\s*$/.exec(term) ?? []
    const [, field, value] = /^\s*\$\.(\w+)\s*=\s*"([^"\\*]*\*?)"\s*$/.exec(bracketed ?? bare ?? '') ?? []
    if (field === undefined || value === undefined) throw invalid('Invalid filter pattern')
    return { field, value }
  })
  return (message) => {
    const line = parse(message)
    return terms.some(({ field, value }) => {
      const actual = line?.[field]
      if (typeof actual !== 'string') return false
      return value.endsWith('*') ? actual.startsWith(value.slice(0, -1)) : actual === value
    })
  }
}

const invalid = (message: string) => new AwsError('InvalidParameterException', message)

function parse(message: string): Record<string, unknown> | null {
  try {
    return JSON.parse(message)
  } catch {
    return null
  }
}
