/** `npm run bench:scale`: how long a mass leave takes, and what it costs, on a virtual clock. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { CommandError, runCommand, UsageError } from '../cli/command.ts'
import { log } from '../cli/io.ts'
import type { Operation } from '../lib/operation.ts'
import type { Counts } from '../local/simulation/counts.ts'
import { startSimulation } from '../local/simulation/simulation.ts'
import type { Table } from '../local/simulation/table.ts'
import { ENV, makeCompany, PER_LEAVER, simulatedOperations, TARGETS_PER_LEAVER } from '../local/simulation/world.ts'
import { plotOf, type Scenario } from './scale-plot.ts'

const HELP = `Plans and executes mass leaves with the functions' own code on a virtual clock, against both vendors' documented limits,
and writes docs/scale.json and docs/scale.svg.

  npm run bench:scale [-- --leavers 10,100,1000,10000 --tenants 1,50] [--print]

  --print   print the results, write nothing

  npm run bench:scale -- --leavers 100 --tenants 1 --print
`

/**
 * How long things take in the simulation. Assumptions, not measurements. Milliseconds: AWS half as much less or more, a
 * call's way to the vendor up to 50 ms longer.
 */
const LATENCIES = { vendorMs: 100, awsMs: 15, pollMs: 20, initMs: 300, jitter: 0.5, wayJitterMs: 50 }

/** AWS list prices in US dollars, us-east-1, without free tiers: the pricing pages of each service. */
const PRICES = {
  lambdaPerRequest: 0.2 / 1e6,
  lambdaArmPerGbSecond: 0.0000133334,
  sqsFifoPerRequest: 0.5 / 1e6,
  eventBridgePerCustomEvent: 1 / 1e6,
  secretsManagerPerRequest: 0.05 / 1e4,
  logsPerGb: 0.5,
  dynamoDbPerReadUnit: 0.125 / 1e6,
  dynamoDbPerWriteUnit: 0.625 / 1e6,
  /** The table's copy for point-in-time recovery costs 0.2 of it. */
  dynamoDbPerGbMonth: 0.25 + 0.2,
}

/** For each item of the table and of an index, beside what it says. */
const ITEM_BYTES = 100
const MONTH_DAYS = 30

/** What one tenant's documents can be ended of within the 14 days that SQS keeps a message. */
const MAX_FILES_PER_TENANT = 190_000

/** The people a scenario has. A leaver beyond them is one of them again, with the same number of calls. */
const PEOPLE = 100

type Pace = Operation['pace']

/**
 * What the vendor's limit and SQS alone allow for `calls` calls of one bucket: a window's calls as early as it opens, ten
 * at a time and one batch after another. Milliseconds from the first answer to the last.
 */
function floorMs({ perSecond, perMinute = Number.POSITIVE_INFINITY }: Pace, calls: number): number {
  const minutes = Math.ceil(calls / perMinute) - 1
  const last = minutes > 0 ? calls - minutes * perMinute : calls
  const seconds = perSecond ? Math.ceil(last / perSecond) - 1 : 0
  const batches = Math.ceil((last - seconds * (perSecond ?? 0)) / 10) - 1
  const batchMs = LATENCIES.vendorMs + LATENCIES.awsMs + LATENCIES.pollMs
  return Math.max(0, minutes) * 60_000 + seconds * 1_000 + batches * batchMs
}

/** Windows of the tightest limit that so many calls need. */
const windowsOf = ({ perSecond = 1, perMinute }: Pace, calls: number): number =>
  Math.ceil(calls / (perMinute ?? perSecond))

const costOf = (counts: Counts): number =>
  counts.invocations * PRICES.lambdaPerRequest +
  counts.gbSeconds * PRICES.lambdaArmPerGbSecond +
  counts.sqsRequests * PRICES.sqsFifoPerRequest +
  counts.eventsPut * PRICES.eventBridgePerCustomEvent +
  counts.secretsRequests * PRICES.secretsManagerPerRequest +
  (counts.logBytes / 1e9) * PRICES.logsPerGb +
  counts.tableReads * PRICES.dynamoDbPerReadUnit +
  counts.tableWrites * PRICES.dynamoDbPerWriteUnit

/** What the ledger holds once all has ended. The index of open targets is empty then. */
function storedBytes({ items }: Table): number {
  const sizes = [...items.values()].flatMap((partition) =>
    [...partition.values()].map((item) => {
      const bytes = Object.entries(item).reduce(
        (sum, [name, { N, ...value }]) =>
          sum + name.length + (N ? N.length / 2 + 1 : Buffer.byteLength(String(Object.values(value)))),
        ITEM_BYTES,
      )
      return item.state && item.since ? 2 * bytes : bytes
    }),
  )
  return sizes.reduce((sum, bytes) => sum + bytes, 0)
}

const round = (value: number, digits = 3): number => Number(value.toPrecision(digits))

async function simulate(leavers: number, tenants: number): Promise<Scenario> {
  const company = makeCompany(PEOPLE, tenants)
  const { world, secrets } = company
  const planners = Math.min(100, leavers)
  const simulated = await simulatedOperations()
  const simulation = await startSimulation({
    operations: simulated.map(({ name }) => name),
    world,
    secrets,
    env: ENV,
    latencies: LATENCIES,
    planners,
  })
  const withFiles = Math.min(leavers, (tenants * MAX_FILES_PER_TENANT) / PER_LEAVER.files)
  for (let index = 0; index < leavers; index++)
    simulation.offboard(company.event(index, { hasFiles: index < withFiles }), `event-${index}`)
  await simulation.finish()

  const expected = leavers * TARGETS_PER_LEAVER - (leavers - withFiles) * PER_LEAVER.files
  const distinct = new Set(
    simulation.outcomes.map(({ eventId, operation, input }) => JSON.stringify([eventId, operation, input])),
  )
  if (distinct.size !== expected) throw new CommandError(`${distinct.size} of ${expected} targets are accounted for`)

  const operations = simulated.map(({ name, operation: { pace, vendor } }) => {
    const outcomes = simulation.outcomes.filter((outcome) => outcome.operation === name)
    const times = outcomes.map(({ atMs }) => atMs)
    const finishMs =
      times.reduce((a, b) => Math.max(a, b), 0) - times.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
    const buckets = vendor.name === 'feishu' ? Math.min(tenants, leavers) : 1
    const floor = floorMs(pace, Math.ceil(outcomes.length / buckets))
    const counts = simulation.counts.get(name) as Counts
    return {
      operation: name,
      targets: outcomes.length,
      parked: outcomes.filter(({ outcome }) => outcome === 'parked').length,
      finishSeconds: round(finishMs / 1_000, 6),
      floorSeconds: round(floor / 1_000, 6),
      // Where the limit does not bind there is nothing to compare with.
      ratio: floor >= 10_000 ? round(finishMs / floor, 4) : null,
      calls: counts.vendorCalls,
      refused: counts.refusedCalls,
      windows: buckets * windowsOf(pace, Math.ceil(outcomes.length / buckets)),
      deferrals: counts.deferrals,
      invocations: counts.invocations,
      sqsRequests: counts.sqsRequests,
      eventsPut: counts.eventsPut,
      tableReads: round(counts.tableReads, 6),
      tableWrites: counts.tableWrites,
      usdPer1000Leavers: round((costOf(counts) / leavers) * 1_000),
    }
  })
  const sum = (field: 'invocations' | 'usdPer1000Leavers') => operations.reduce((total, row) => total + row[field], 0)
  const bytes = storedBytes(simulation.table)
  const storageUsd = (bytes / 1e9) * (Number(ENV.LEDGER_RETENTION_DAYS) / MONTH_DAYS) * PRICES.dynamoDbPerGbMonth
  const storageUsdPer1000Leavers = round((storageUsd / leavers) * 1_000)
  return {
    leavers,
    tenants,
    targets: expected,
    invocationsPerLeaver: round(sum('invocations') / leavers, 4),
    ledgerBytesPerLeaver: Math.round(bytes / leavers),
    storageUsdPer1000Leavers,
    usdPer1000Leavers: round(sum('usdPer1000Leavers') + storageUsdPer1000Leavers),
    operations,
  }
}

const numbers = (name: string, text: string): number[] =>
  text.split(',').map((part) => {
    if (/^[1-9]\d{0,4}$/.test(part)) return Number(part)
    throw new UsageError(`--${name} must be whole numbers from 1 to 99999, separated by commas`)
  })

await runCommand('bench:scale', async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      leavers: { type: 'string', default: '10,100,1000,10000' },
      tenants: { type: 'string', default: '1,50' },
      print: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const scenarios: Scenario[] = []
  for (const tenants of numbers('tenants', values.tenants))
    for (const leavers of numbers('leavers', values.leavers)) {
      log(process, `${leavers} leavers of ${tenants} ${tenants === 1 ? 'tenant' : 'tenants'} …`)
      scenarios.push(await simulate(leavers, tenants))
    }
  const results = { latencies: LATENCIES, pricesUsd: PRICES, targetsPerLeaver: TARGETS_PER_LEAVER, scenarios }
  if (values.print) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`)
  else {
    writeFileSync('docs/scale.json', `${JSON.stringify(results, null, 2)}\n`)
    writeFileSync('docs/scale.svg', plotOf(scenarios))
    log(process, 'Written: docs/scale.json, docs/scale.svg')
  }
  return 0
})
