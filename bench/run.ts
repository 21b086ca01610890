/** `npm run bench`: start and answer times of every function and of what people would use instead, in Lambda's own client. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { deflateRawSync } from 'node:zlib'
import { build } from 'esbuild'
import { makePush } from '../local/sandbox/push.ts'
import { sampleWorld } from '../local/sandbox/sandbox.ts'
import { bundleAll } from '../scripts/build.ts'
import { markOf } from '../scripts/python.ts'
import { batch, httpEvent, names } from '../test/e2e/lambda-events.ts'
import { startRuntime } from '../test/e2e/runtime-api.ts'
import { prepareRuntimeClient } from '../test/e2e/runtime-client.ts'
import { publish } from './report.ts'
import { percentile, type Row, type Sample, summary } from './results.ts'
import { startServers } from './servers.ts'
import { checkStarts } from './start.ts'

const HELP = `Measures start-up, answers, memory and size of the bundles beside an empty handler, a hand-written one and the vendors' SDKs,
all in one run, in Lambda's runtime client. Writes docs/bench.json, docs/bench.svg and the table of docs/speed.md.

  npm run bench                        15 fresh processes of each, about six minutes
  npm run bench -- --processes 25
  npm run bench -- --starts            only whether each function starts in no more processor time than agreed
  npm run bench -- --only floor,feishu-approval-unsubscribe --dry    prints, writes nothing

The first run installs the SDKs to compare with (bench/peers) and builds the runtime client (cmake, make, g++).
`
const root = path.join(import.meta.dirname, '..')
const peers = path.join(import.meta.dirname, 'peers')
const WARM_CALLS = 40
const WARM_BATCHES = 3

const APPROVAL = 'feishu-approval-unsubscribe'
const DINGTALK = 'dingtalk-calendar-unsubscribe'
const CALLBACKS = 'vendor-callbacks'

/** What API Gateway sends for the push by which a vendor verifies the URL, which it waits about a second for. */
function verification() {
  const { path: rawPath, headers, query, body } = makePush(sampleWorld(), { event: 'url_verification' }, Date.now())
  return { version: '2.0', routeKey: `POST ${rawPath}`, rawPath, headers, queryStringParameters: query, body }
}

/** What is measured: functions through both entrances, peers through the one they have. */
const ROWS: Row[] = [
  { name: 'empty', label: 'empty handler', event: httpEvent(APPROVAL) },
  { name: 'floor', label: 'hand-written: Secrets Manager client, undici', event: httpEvent(APPROVAL) },
  ...names.map((name) => ({ name, label: name, event: httpEvent(name) })),
  ...names.map((name) => ({ name, label: `${name}, batch of 10`, event: batch(name, 10), batch: true })),
  { name: CALLBACKS, label: `${CALLBACKS}, verification`, event: verification() },
  { name: 'table', label: "the table's round trips for a batch of 10", event: {} },
  { name: 'feishu-sdk', label: '@larksuiteoapi/node-sdk', event: httpEvent(APPROVAL) },
  { name: 'dingtalk-sdk', label: '@alicloud/dingtalk, deep import', event: httpEvent(DINGTALK) },
]

const makesCall = ({ name, batch }: Row) => !batch && !['empty', 'table', CALLBACKS].includes(name)

function installPeers(): void {
  const made = markOf(path.join(peers, 'node_modules'), path.join(peers, 'package-lock.json'))
  if (made.isCurrent()) return
  process.stderr.write('Installing what to compare with …\n')
  const { status, stderr } = spawnSync('npm', ['ci', '--ignore-scripts'], { cwd: peers, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm ci in bench/peers failed.\n${stderr}`)
  made.write()
}

/** Bundles in one folder: the functions of dist/, the peers beside them. */
async function taskRootWithAll(): Promise<string> {
  const taskRoot = await mkdtemp(path.join(tmpdir(), 'bench-'))
  for (const name of [...names, CALLBACKS]) await symlink(path.join(root, 'dist', name), path.join(taskRoot, name))
  const inPeers = (name: string) => path.join(peers, `${name}.mjs`)
  // By the rules of our own functions.
  await bundleAll([inPeers('floor'), path.join(import.meta.dirname, 'table.ts')], taskRoot)
  // As a project bundles them.
  await build({
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    mainFields: ['module', 'main'],
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    // Feishu's SDK looks for its package.json beside itself.
    define: { __dirname: 'import.meta.dirname' },
    absWorkingDir: root,
    entryPoints: ['empty', 'feishu-sdk', 'dingtalk-sdk'].map((name) => ({ in: inPeers(name), out: `${name}/index` })),
    outdir: taskRoot,
    outExtension: { '.js': '.mjs' },
    logLevel: 'error',
  })
  return taskRoot
}

/** Of all code that is deployed, and of that with its source maps as a zip holds it. */
async function sizeOf(taskRoot: string, name: string) {
  const folder = path.join(taskRoot, name)
  let bundleBytes = 0
  let zipBytes = 0
  for (const file of await readdir(folder)) {
    const content = await readFile(path.join(folder, file))
    if (file.endsWith('.mjs')) bundleBytes += content.length
    zipBytes += deflateRawSync(content).length
  }
  return { bundleBytes, zipBytes }
}

/** Processor time of all threads of a process so far: a machine with other work changes it little, unlike the clock. */
async function processorMs(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`)
  const times = await Promise.all(
    // A thread may have ended meanwhile.
    threads.map((id) => readFile(`/proc/${pid}/task/${id}/schedstat`, 'utf8').catch(() => '0')),
  )
  return times.reduce((sum, nanoseconds) => sum + Number.parseInt(nanoseconds, 10), 0) / 1e6
}

/** One fresh process, from its start to its last answer, after the start of an empty one. Throws when it does not do what is measured. */
async function measure(row: Row, taskRoot: string, env: Record<string, string>): Promise<Sample> {
  const empty = await startRuntime({ taskRoot, handler: 'empty/index.handler', functionName: 'empty', env })
  await empty.initialised
  const emptyInitMs = await processorMs(empty.pid)
  await empty.close()
  const runtime = await startRuntime({ taskRoot, handler: `${row.name}/index.handler`, functionName: row.name, env })
  try {
    const { error } = await runtime.initialised
    if (error) throw new Error(`${row.label}: ${error.errorMessage}`)
    const initMs = await processorMs(runtime.pid)
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
    return { emptyInitMs, initMs, firstMs, warmMs, peakRssKiB: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) }
  } finally {
    await runtime.close()
  }
}

/** One fresh process without Lambda around it: the median of its calls to that of undici's own, made in turn. */
async function measureCalls({ name, event }: Row, taskRoot: string, env: Record<string, string>): Promise<number> {
  const script = path.join(import.meta.dirname, 'calls.ts')
  const entry = path.join(taskRoot, name, 'index.mjs')
  // The log goes to a file: this process runs the servers, and reading it here would take their time.
  const log = await open(path.join(taskRoot, 'log'), 'w')
  try {
    const child = spawn(process.execPath, [script, entry, JSON.stringify(event)], {
      env: { ...env, PATH: process.env.PATH },
      stdio: ['ignore', log.fd, 'pipe'],
    })
    const written = await text(child.stderr as Readable)
    const { bareMs, handlerMs } = JSON.parse(written.slice(written.lastIndexOf('{')))
    return percentile(handlerMs, 0.5) / percentile(bareMs, 0.5)
  } finally {
    await log.close()
  }
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
      starts: { type: 'boolean' },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const processes = Number(values.processes)
  if (!Number.isInteger(processes) || processes < 1) throw new Error('--processes wants a whole number.')
  const only = values.only?.split(',')
  const rows = ROWS.filter(({ name }) => !only || only.includes(name))

  checkStarts()
  if (values.starts) return
  installPeers()
  prepareRuntimeClient()
  const taskRoot = await taskRootWithAll()
  const servers = await startServers()
  try {
    const samples = new Map<Row, Sample[]>(rows.map((row) => [row, []]))
    const calls = new Map<Row, number[]>(rows.filter(makesCall).map((row) => [row, []]))
    for (let round = 0; round <= processes; round++) {
      process.stderr.write(`\r${round} of ${processes} `)
      for (const row of shuffled(rows)) {
        const sample = await measure(row, taskRoot, servers.env)
        const call = calls.has(row) && (await measureCalls(row, taskRoot, servers.env))
        // The first round fills the disk cache.
        if (round === 0) continue
        samples.get(row)?.push(sample)
        if (call) calls.get(row)?.push(call)
      }
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
