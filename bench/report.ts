/** Results as a bar chart, and as a table in docs/speed.md and its Chinese twin. */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Results, RowResult } from './results.ts'

const docs = path.join(import.meta.dirname, '..', 'docs')

const HEADS = {
  'speed.md': ['', 'init', 'first answer', 'warm answer p50, p99', 'call', 'peak memory', 'bundle', 'zip'],
  'speed.zh-CN.md': ['', '初始化', '首次应答', '后续应答 p50, p99', '调用', '峰值内存', '代码包', 'zip'],
}

/** Writes docs/bench.svg, and the table between `<!-- bench -->` and `<!-- /bench -->` of both pages. */
export async function publish(results: Results): Promise<void> {
  await writeFile(path.join(docs, 'bench.svg'), chart(results.rows))
  for (const [file, heads] of Object.entries(HEADS)) {
    const text = await readFile(path.join(docs, file), 'utf8')
    const between = /(<!-- bench -->\n)[\s\S]*?(<!-- \/bench -->)/
    if (!between.test(text)) throw new Error(`docs/${file} has no <!-- bench --> … <!-- /bench -->`)
    await writeFile(path.join(docs, file), text.replace(between, `$1\n${table(heads, results.rows)}\n\n$2`))
  }
}

const times = (ratio: number) => `${ratio.toFixed(2)} ×`
const kilobytes = (bytes: number) => (bytes < 1_000 ? '< 1 KB' : `${Math.round(bytes / 1_000)} KB`)

function table(heads: string[], rows: RowResult[]): string {
  const lines = rows.map((row) => [
    row.label,
    times(row.init.median),
    times(row.first.median),
    `${times(row.warm.median)}, ${times(row.warm.p99)}`,
    row.call ? times(row.call.median) : '–',
    times(row.rss.median),
    kilobytes(row.bundleBytes),
    kilobytes(row.zipBytes),
  ])
  return [heads, heads.map((_, column) => (column === 0 ? '---' : '---:')), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

const LABEL_WIDTH = 330
const BAR_WIDTH = 380
const LINE_HEIGHT = 26
const TOP = 34

/** One bar a row, as long as its init; the thin line over it spans the tenth to the ninetieth percentile. */
function chart(rows: RowResult[]): string {
  const longest = Math.max(...rows.map(({ init }) => init.p90))
  const at = (ratio: number) => Math.round(LABEL_WIDTH + (ratio / longest) * BAR_WIDTH)
  const bars = rows.map(({ label, name, init }, index) => {
    const y = TOP + index * LINE_HEIGHT
    const colour = name.endsWith('subscribe') ? '#2f6fdb' : '#9aa4b2'
    return [
      `<text x="${LABEL_WIDTH - 10}" y="${y + 14}" text-anchor="end">${label}</text>`,
      `<rect x="${LABEL_WIDTH}" y="${y + 2}" width="${at(init.median) - LABEL_WIDTH}" height="16" fill="${colour}"/>`,
      `<path d="M${at(init.p10)} ${y + 10}H${at(init.p90)}" stroke="#1f2937"/>`,
      `<text x="${at(init.p90) + 8}" y="${y + 14}">${times(init.median)}</text>`,
    ].join('\n')
  })
  const height = TOP + rows.length * LINE_HEIGHT + 8
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LABEL_WIDTH + BAR_WIDTH + 80} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="#1f2937">
<title>Start-up of every function and of what it is compared with</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${LABEL_WIDTH}" y="20" font-weight="600">Start-up (processor time) in Lambda's runtime client, to an empty handler's (median; line: p10 to p90)</text>
${bars.join('\n')}
</svg>
`
}
