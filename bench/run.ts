/** `npm run bench`: start and answer times of every function and of what people would use instead, in Lambda's own client. */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { deflateRawSync } from 'node:zlib'
import { type BuildOptions, build } from 'esbuild'
import { bundle } from '../build.ts'
import { markOf } from '../local/python.ts'
import { batch, httpEvent, names } from '../test/e2e/lambda-events.ts'
import { startRuntime } from '../test/e2e/runtime-api.ts'
import { prepareRuntimeClient } from '../test/e2e/runtime-client.ts'
import { publish } from './report.ts'
import { type Row, type Sample, summary } from './results.ts'
import { startServers } from './servers.ts'

const HELP = `Measures start-up, answers, memory and size of the bundles beside an empty handler, a hand-written one and the vendors' SDKs,
all in one run, in Lambda's runtime client. Writes docs/bench.json, docs/bench.svg and the table of the READMEs.

  npm run bench                        15 fresh processes of each, about three minutes
  npm run bench -- --processes 25
  npm run bench -- --only floor,feishu-approval-unsubscribe --dry    prints, writes nothing

The first run installs the SDKs to compare with (bench/peers) and builds the runtime client (cmake, make, g++).
`
const root = path.join(import.meta.dirname, '..')
const peers = path.join(import.meta.dirname, 'peers')
const WARM_CALLS = 40
const WARM_BATCHES = 3

const APPROVAL = 'feishu-approval-unsubscribe'
const DINGTALK = 'dingtalk-calendar-unsubscribe'

/** What is measured: functions through both entrances, peers through the one they have. */
const ROWS: Row[] = [
  { name: 'empty', label: 'empty handler', event: httpEvent(APPROVAL) },
  { name: 'floor', label: 'hand-written: Secrets Manager client, undici', event: httpEvent(APPROVAL) },
  ...names.map((name) => ({ name, label: name, event: httpEvent(name) })),
  ...names.map((name) => ({ name, label: `${name}, batch of 10`, event: batch(name, 10), batch: true })),
  { name: 'feishu-sdk', label: '@larksuiteoapi/node-sdk', event: httpEvent(APPROVAL) },
  { name: 'dingtalk-sdk', label: '@alicloud/dingtalk, deep import', event: httpEvent(DINGTALK) },
]

function installPeers(): void {
  const made = markOf(path.join(peers, 'node_modules'), path.join(peers, 'package-lock.json'))
  if (made.isCurrent()) return
  process.stderr.write('Installing what to compare with …\n')
  const { status, stderr } = spawnSync('npm', ['ci', '--ignore-scripts'], { cwd: peers, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm ci in bench/peers failed.\n${stderr}`)
  made.write()
}

/** The SDKs as a project bundles them; the others as build.ts does, so that the hand-written one has all its savings too. */
const BUNDLES: [names: string[], options: BuildOptions][] = [
  [['empty', 'floor'], bundle],
  [
    ['feishu-sdk', 'dingtalk-sdk'],
    {
      bundle: true,
      minify: true,
      platform: 'node',
      format: 'esm',
      target: 'node24',
      mainFields: ['module', 'main'],
      ...(bundle.banner && { banner: bundle.banner }),
      // Feishu's SDK looks for its package.json beside itself.
      define: { __dirname: 'import.meta.dirname' },
    },
  ],
]

/** Bundles as they are deployed, in one folder: the functions of dist/, the peers beside them. */
async function taskRootWithAll(): Promise<string> {
  const taskRoot = await mkdtemp(path.join(tmpdir(), 'bench-'))
  for (const [peerNames, options] of BUNDLES)
    await build({
      ...options,
      absWorkingDir: root,
      entryPoints: peerNames.map((name) => ({ in: path.join(peers, `${name}.mjs`), out: `${name}/index` })),
      outdir: taskRoot,
      outExtension: { '.js': '.mjs' },
      logLevel: 'error',
    })
  for (const name of names) await symlink(path.join(root, 'dist', name), path.join(taskRoot, name))
  return taskRoot
}

/** Of the code that starts, and of all that is deployed, as a zip holds it. */
async function sizeOf(taskRoot: string, name: string) {
  const folder = path.join(taskRoot, name)
  const files = await Promise.all((await readdir(folder)).map((file) => readFile(path.join(folder, file))))
  const { size: bundleBytes } = await stat(path.join(folder, 'index.mjs'))
  return { bundleBytes, zipBytes: files.reduce((sum, file) => sum + deflateRawSync(file).length, 0) }
}

/** One fresh process, from its start to its last answer. Throws when it does not do what is measured. */
async function measure(row: Row, taskRoot: string, env: Record<string, string>): Promise<Sample> {
  const runtime = await startRuntime({ taskRoot, handler: `${row.name}/index.handler`, functionName: row.name, env })
  try {
    const { ms: initMs, error } = await runtime.initialised
    if (error) throw new Error(`${row.label}: ${error.errorMessage}`)
    const answer = async () => {
      const { ms, ...result } = await runtime.invoke(row.event)
      const wanted = row.batch ? '{"batchItemFailures":[]}' : '"statusCode":200'
      if (!JSON.stringify(result).includes(wanted)) throw new Error(`${row.label}: ${JSON.stringify(result)}`)
      return ms
    }
    const firstMs = await answer()
    const warmMs: number[] = []
    for (let call = 0; call < (row.batch ? WARM_BATCHES : WARM_CALLS); call++) warmMs.push(await answer())
    const status = await readFile(`/proc/${runtime.pid}/status`, 'utf8')
    return { initMs, firstMs, warmMs, peakRssKiB: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) }
  } finally {
    await runtime.close()
  }
}

/** One fresh process with every way to make the call in it, called in turn: what a call costs without Lambda around it. */
async function measureCalls(taskRoot: string, env: Record<string, string>): Promise<Record<string, number[]>> {
  const script = path.join(import.meta.dirname, 'calls.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [script, taskRoot], {
    env: { ...env, PATH: process.env.PATH },
    maxBuffer: 64 * 1024 * 1024,
    timeout: 60_000,
  })
  return JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1))
}

const shuffled = <Item>(items: Item[]): Item[] =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      processes: { type: 'string', default: '15' },
      only: { type: 'string' },
      dry: { type: 'boolean' },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const processes = Number(values.processes)
  if (!Number.isInteger(processes) || processes < 1) throw new Error('--processes wants a whole number.')
  const only = values.only?.split(',')
  const rows = ROWS.filter(({ name }) => !only || only.includes(name))

  installPeers()
  prepareRuntimeClient()
  const taskRoot = await taskRootWithAll()
  const servers = await startServers()
  try {
    const samples = new Map<Row, Sample[]>(rows.map((row) => [row, []]))
    const calls: Record<string, number[]> = {}
    for (let round = 0; round <= processes; round++) {
      process.stderr.write(`\r${round} of ${processes} `)
      for (const row of shuffled(rows)) {
        const sample = await measure(row, taskRoot, servers.env)
        // The first round fills the disk cache.
        if (round > 0) samples.get(row)?.push(sample)
      }
      if (only) continue
      const times = await measureCalls(taskRoot, servers.env)
      if (round > 0) for (const [name, ms] of Object.entries(times)) calls[name] = [...(calls[name] ?? []), ...ms]
    }
    process.stderr.write('\n')
    const sizes = new Map<Row, Awaited<ReturnType<typeof sizeOf>>>()
    for (const row of rows) sizes.set(row, await sizeOf(taskRoot, row.name))
    const machine = { node: process.version, arch: process.arch, cores: availableParallelism() }
    const results = summary({ machine, processes, samples, sizes, calls })
    if (values.dry || only) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`)
    else {
      await writeFile(path.join(root, 'docs', 'bench.json'), `${JSON.stringify(results, null, 2)}\n`)
      await publish(results)
    }
    for (const { what, limit, measured } of results.targets)
      process.stdout.write(`${measured <= limit ? 'met   ' : 'MISSED'} ${measured} (at most ${limit}) ${what}\n`)
  } finally {
    await servers.close()
    await rm(taskRoot, { recursive: true, force: true })
  }
}

try {
  await main()
} catch (error) {
  process.stderr.write(`npm run bench failed. ${(error as Error).message}\n`)
  process.exitCode = 1
}
