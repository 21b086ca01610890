#!/usr/bin/env node
/** `npx offboarding`: runs cli/main.ts, on the Node.js of node_modules where this one is older than it needs. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'
import { modules, NEEDED, ownNode } from './own-node.js'

if (Number.parseInt(process.versions.node, 10) >= NEEDED) {
  module.enableCompileCache(`${modules}.cache/offboarding/code`)
  const { run } = await import('./main.ts')
  await run(process.argv.slice(2))
} else if (existsSync(ownNode)) {
  const child = spawn(ownNode, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  const isTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY)
  // A terminal sends Ctrl-C to the child as well; a second one would end it before it has cleaned up.
  process.on('SIGINT', () => isTerminal || child.kill('SIGINT'))
  for (const name of ['SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name))
  child.on('exit', (code, signal) => {
    if (signal === null) return process.exit(code)
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name)
    process.kill(process.pid, signal)
  })
} else {
  process.stderr.write(
    `offboarding: needs Node.js ${NEEDED} or later, found ${process.versions.node}: install it, or run "npm ci"\n`,
  )
  process.exitCode = 1
}
