/** MiniStack, an emulator of AWS from PyPI, as a child process on loopback. IAM is enforced: roles, keys, signatures. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { venvTool } from '../../scripts/python.ts'

export type MiniStack = {
  /** The endpoint of every service. */
  readonly url: string
  readonly region: string
  /** Keys of the account's root user, who may do anything. */
  readonly root: { accessKeyId: string; secretAccessKey: string }
  /** What it has printed: requests that went wrong, and the log of every function. */
  log(): string
  /** Ends it with all functions and deletes what it stored. */
  close(): Promise<void>
}

const REGION = 'ap-southeast-1'
const ROOT = { accessKeyId: 'test', secretAccessKey: 'test' }
const START_MS = 60_000
const STOP_MS = 5_000

/** Starts it on a free port and waits until it answers. `preparePython` must have been called. */
export async function startMiniStack(): Promise<MiniStack> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const home = await mkdtemp(path.join(tmpdir(), 'ministack-'))
  const child = spawn(venvTool('python'), [path.join(import.meta.dirname, 'run_ministack.py')], {
    cwd: home,
    // A group of its own, to end the processes of the functions too
    detached: true,
    env: {
      // Its functions run on the node found first, which is the one that runs this.
      PATH: [path.dirname(process.execPath), process.env.PATH].join(path.delimiter),
      HOME: home,
      TMPDIR: home,
      STATE_DIR: home,
      BIND_HOST: '127.0.0.1',
      MINISTACK_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      MINISTACK_REGION: REGION,
      AWS_ACCESS_KEY_ID: ROOT.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
      AUTH: 'true',
      LAMBDA_ASYNC_RETRY_BASE_SECONDS: '0.1',
      // Both would listen on every interface.
      IOT_MTLS_ENABLED: '0',
      SFTP_ENABLED: '0',
    },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const exited = once(child, 'exit')

  const close = async () => {
    child.stdin.end()
    await Promise.race([exited, sleep(STOP_MS, undefined, { ref: false })])
    try {
      if (child.pid) process.kill(-child.pid, 'SIGKILL')
    } catch {}
    await exited
    await rm(home, { recursive: true, force: true })
  }

  const giveUpAt = Date.now() + START_MS
  while (!(await answers(url))) {
    if (child.exitCode === null && Date.now() < giveUpAt) await sleep(100)
    else {
      await close()
      throw new Error(`MiniStack did not start:\n${output}`)
    }
  }
  return { url, region: REGION, root: ROOT, log: () => output, close }
}

const answers = (url: string) =>
  fetch(`${url}/_ministack/health`).then(
    ({ ok }) => ok,
    () => false,
  )

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
