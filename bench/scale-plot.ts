/** The plot of a scale run: time to finish over the number of leavers, both logarithmic, beside the limit's own floor. */

/** What became of one operation in a run. */
type OperationResult = {
  operation: string
  targets: number
  parked: number
  finishSeconds: number
  floorSeconds: number
  /** Time to finish over the floor; null where the limit does not bind. */
  ratio: number | null
  calls: number
  refused: number
  windows: number
  deferrals: number
  invocations: number
  sqsRequests: number
  eventsPut: number
  /** Request units of the ledger. */
  tableReads: number
  tableWrites: number
  /** Of all requests; what the ledger keeps afterwards is not in it. */
  usdPer1000Leavers: number
}

/** One run: so many leavers at once, of so many tenants. */
export type Scenario = {
  leavers: number
  tenants: number
  targets: number
  invocationsPerLeaver: number
  ledgerBytesPerLeaver: number
  /** Of what the ledger keeps until it expires, point-in-time recovery included. */
  storageUsdPer1000Leavers: number
  usdPer1000Leavers: number
  operations: OperationResult[]
}

const WIDTH = 760
const HEIGHT = 420
const LEFT = 70
const TOP = 40
const RIGHT = 230
const BOTTOM = 50
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#444444']
const TICKS: [number, string][] = [
  [1, '1 s'],
  [60, '1 min'],
  [3_600, '1 h'],
  [86_400, '1 day'],
  [14 * 86_400, '14 days'],
]

/** An SVG of the scenarios with one tenant. */
export function plotOf(scenarios: Scenario[]): string {
  const shown = scenarios.filter(({ tenants }) => tenants === 1)
  const leavers = shown.map((scenario) => scenario.leavers)
  const [least, most] = [Math.min(...leavers), Math.max(...leavers)]
  const x = (value: number) =>
    LEFT + ((Math.log10(value) - Math.log10(least)) / Math.max(1, Math.log10(most / least))) * (WIDTH - LEFT - RIGHT)
  const y = (seconds: number) =>
    HEIGHT - BOTTOM - (Math.log10(Math.max(1, seconds)) / Math.log10(20 * 86_400)) * (HEIGHT - TOP - BOTTOM)
  const line = (points: [number, number][]) => points.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(' ')

  const rows = (shown[0]?.operations ?? []).map(({ operation }, index) => {
    const color = COLORS[index % COLORS.length]
    const points = shown.flatMap((scenario) => {
      const row = scenario.operations.find((one) => one.operation === operation)
      return row ? [{ at: x(scenario.leavers), ...row }] : []
    })
    const finish = points.map(({ at, finishSeconds }): [number, number] => [at, y(finishSeconds)])
    const floor = points.map(({ at, floorSeconds }): [number, number] => [at, y(floorSeconds)])
    return [
      `<polyline points="${line(floor)}" fill="none" stroke="${color}" stroke-width="5" opacity="0.25"/>`,
      `<polyline points="${line(finish)}" fill="none" stroke="${color}" stroke-width="1.5"/>`,
      ...finish.map(([a, b]) => `<circle cx="${a.toFixed(1)}" cy="${b.toFixed(1)}" r="3" fill="${color}"/>`),
      `<text x="${WIDTH - RIGHT + 14}" y="${TOP + 12 + index * 20}" fill="${color}">${operation}</text>`,
    ].join('\n')
  })
  const ticks = TICKS.map(
    ([seconds, label]) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(seconds)}" y2="${y(seconds)}" stroke="#ddd"/>` +
      `<text x="${LEFT - 8}" y="${y(seconds) + 4}" text-anchor="end">${label}</text>`,
  )
  const columns = leavers.map(
    (value) =>
      `<text x="${x(value)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${value.toLocaleString('en')}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title" font-family="sans-serif" font-size="12" fill="#333">
<title id="title">Time to finish by leavers at once, for each operation, beside what the vendor's limit allows</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${LEFT}" y="20" font-size="14">Time to finish (line) and what the vendor's limit allows (band), one tenant</text>
${ticks.join('\n')}
${columns.join('\n')}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">leavers at once</text>
${rows.join('\n')}
</svg>
`
}
