/** The functions' audit lines, read from CloudWatch Logs. */
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs'
import type { AuditLine } from '../../lib/audit.ts'
import { printable } from '../../lib/schema.ts'
import { CommandError, failed, nameOf } from '../command.ts'
import type { Connection } from '../stack/connection.ts'

/** A line as it was read. Its texts hold no control characters. */
export type LoggedLine = AuditLine & {
  /** ISO 8601. */
  time: string
}

/** The lines that are wanted: those of an offboarding or of one event. */
export type Wanted = { offboardingId: string } | { eventId: string }

type Group = { name: string; fromMs: number; seen: Set<string | undefined> }

/** Lines reach the log late and out of order: what is this much older than the newest line is looked through again. */
const OVERLAP_MS = 2 * 60_000

/** Reads the lines of all operations, a part at a time. */
export class AuditLog {
  readonly #client: CloudWatchLogsClient
  readonly #wanted: Wanted
  readonly #groups: Group[]

  constructor({ names, settings }: Connection, wanted: Wanted, sinceMs: number) {
    this.#client = new CloudWatchLogsClient(settings('logs'))
    this.#wanted = wanted
    this.#groups = Object.values(names.operations).map(({ logGroup }) => ({
      name: logGroup,
      fromMs: sinceMs,
      seen: new Set(),
    }))
  }

  /** Those that no call returned before, in the order of their time; with `deferrals` also the deferrals of all offboardings. */
  async next({ deferrals }: { deferrals: boolean }): Promise<LoggedLine[]> {
    const lines = await Promise.all(this.#groups.map((group) => this.#nextOf(group, deferrals)))
    return lines.flat().sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  }

  async #nextOf(group: Group, deferrals: boolean): Promise<LoggedLine[]> {
    const lines: LoggedLine[] = []
    const startTime = group.fromMs
    let nextToken: string | undefined
    // A page may be empty although more follow.
    do {
      const page = await this.#client
        .send(
          new FilterLogEventsCommand({
            logGroupName: group.name,
            filterPattern: patternOf(this.#wanted, deferrals),
            startTime,
            nextToken,
          }),
        )
        .catch((error: unknown) => {
          if (nameOf(error) !== 'ResourceNotFoundException') return failed('logs:FilterLogEvents', group.name)(error)
          throw new CommandError(`there is no log group ${group.name} here: check stage, region and account`)
        })
      for (const { eventId, message = '', timestamp = 0 } of page.events ?? []) {
        if (group.seen.has(eventId)) continue
        group.seen.add(eventId)
        group.fromMs = Math.max(group.fromMs, timestamp - OVERLAP_MS)
        const line = readLine(message)
        if (line && (isWanted(line, this.#wanted) || line.message === 'deferred')) lines.push(line)
      }
      nextToken = page.nextToken
    } while (nextToken)
    return lines
  }
}

/**
 * The filter pattern. Ids come from outside, and what quotes and wildcards mean inside a pattern's string is not documented:
 * from the first character on that is not plain, a wildcard stands for the rest, and what was found is compared here.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/matching-terms-json-log-events.html
 */
function patternOf(wanted: Wanted, deferrals: boolean): string {
  const [[field, id] = ['', '']] = Object.entries(wanted)
  const [plain = ''] = /^[A-Za-z0-9_.:@-]*/.exec(id) ?? []
  const term = `$.${field} = "${plain === id ? id : `${plain}*`}"`
  return deferrals ? `{ (${term}) || ($.message = "deferred") }` : `{ ${term} }`
}

const isWanted = (line: LoggedLine, wanted: Wanted): boolean =>
  Object.entries(wanted).every(([field, id]) => line[field as keyof Wanted] === id)

function readLine(message: string): LoggedLine | undefined {
  try {
    const line = JSON.parse(message, (_, value) => (typeof value === 'string' ? printable(value, 1_000) : value))
    return typeof line.message === 'string' && typeof line.time === 'string' ? line : undefined
  } catch {
    return undefined
  }
}
