/** Samples as ratios: nothing here says how fast a machine is. */

export type Row = { name: string; label: string; event: object; batch?: boolean }
/** One process. Milliseconds, of processor time for the starts; `warmMs` of every answer after the first. */
export type Sample = { emptyInitMs: number; initMs: number; firstMs: number; warmMs: number[]; peakRssKiB: number }
type Size = { bundleBytes: number; zipBytes: number }

/** A median and what lies between the tenth and the ninetieth percentile, all divided by the base's median. */
type Ratio = { median: number; p10: number; p90: number }

export type RowResult = Size & {
  name: string
  label: string
  batch: boolean
  /** To that of an empty handler, started just before. */
  init: Ratio
  /** First answer, later answers, peak memory: to the hand-written handler's. */
  first: Ratio
  warm: Ratio & { p99: number }
  rss: Ratio
  /** Of a call without Lambda around it, to a bare call with undici. */
  call?: Ratio
}

export type Results = {
  machine: { node: string; arch: string; cores: number }
  /** Fresh processes for each row. */
  processes: number
  rows: RowResult[]
  targets: { what: string; limit: number; measured: number }[]
}

/** The `share` of the sorted numbers lies below; 0.5 is the median. */
export function percentile(numbers: number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

const round = (ratio: number) => Math.round(ratio * 100) / 100
const ratio = (numbers: number[], base: number): Ratio => ({
  median: round(percentile(numbers, 0.5) / base),
  p10: round(percentile(numbers, 0.1) / base),
  p90: round(percentile(numbers, 0.9) / base),
})

const of = {
  first: ({ firstMs }: Sample) => [firstMs],
  warm: ({ warmMs }: Sample) => warmMs,
  rss: ({ peakRssKiB }: Sample) => [peakRssKiB],
}

export function summary({
  machine,
  processes,
  samples,
  sizes,
  calls,
}: {
  machine: Results['machine']
  processes: number
  samples: Map<Row, Sample[]>
  sizes: Map<Row, Size>
  calls: Map<Row, number[]>
}): Results {
  const samplesOf = (name: string) => [...samples].find(([row]) => row.name === name)?.[1] ?? []
  const base = (name: string, pick: keyof typeof of) => percentile(samplesOf(name).flatMap(of[pick]), 0.5)
  const rows = [...samples].map(([row, some]): RowResult => {
    const to = (name: string, pick: keyof typeof of) => ratio(some.flatMap(of[pick]), base(name, pick))
    // A start does not know what comes: both entrances' are of one kind.
    const starts = [...samples].flatMap(([{ name }, others]) => (name === row.name ? others : []))
    const callRatios = calls.get(row)
    const p99 = round(percentile(some.flatMap(of.warm), 0.99) / base('floor', 'warm'))
    return {
      name: row.name,
      label: row.label,
      batch: row.batch ?? false,
      init: ratio(
        starts.map(({ initMs, emptyInitMs }) => initMs / emptyInitMs),
        1,
      ),
      first: to('floor', 'first'),
      warm: { ...to('floor', 'warm'), p99 },
      rss: to('floor', 'rss'),
      ...(callRatios?.length && { call: ratio(callRatios, 1) }),
      ...(sizes.get(row) ?? { bundleBytes: Number.NaN, zipBytes: Number.NaN }),
    }
  })
  return { machine, processes, rows, targets: targetsOf(rows) }
}

/** What is promised, for the worst of the functions. */
function targetsOf(rows: RowResult[]): Results['targets'] {
  const row = (name: string) => rows.find((candidate) => candidate.name === name)
  const functions = rows.filter(({ name, batch }) => !batch && name.endsWith('subscribe'))
  const worst = (pick: (row: RowResult) => number) => round(Math.max(...functions.map(pick)))
  const init = (name: string) => row(name)?.init.median ?? Number.NaN
  const call = (name: string) => row(name)?.call?.median ?? Number.NaN
  return [
    { what: 'init, to the hand-written handler', limit: 1.1, measured: worst((it) => it.init.median / init('floor')) },
    { what: "init, to the Feishu SDK's", limit: 0.6, measured: worst((it) => it.init.median / init('feishu-sdk')) },
    { what: "init, to the DingTalk SDK's", limit: 0.6, measured: worst((it) => it.init.median / init('dingtalk-sdk')) },
    { what: 'warm call, to a bare call with undici', limit: 1.3, measured: worst((it) => call(it.name)) },
    {
      what: "warm call, to the Feishu SDK's",
      limit: 0.55,
      measured: worst((it) => call(it.name) / call('feishu-sdk')),
    },
    { what: 'bundle, KB minified', limit: 530, measured: worst(({ bundleBytes }) => bundleBytes / 1_000) },
    { what: 'peak memory, to the hand-written handler', limit: 1.2, measured: worst((it) => it.rss.median) },
  ]
}
