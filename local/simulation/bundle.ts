/** The functions as they are, bundled with the simulation's AWS, vendors and timers in place of the real ones. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { build } from 'esbuild'
import { BANNER } from './host.ts'

const here = import.meta.dirname
const STAND_INS: Record<string, string> = {
  '@aws-sdk/client-sqs': 'aws/sqs.ts',
  '@aws-sdk/client-eventbridge': 'aws/eventbridge.ts',
  '@aws-sdk/client-secrets-manager': 'aws/secrets-manager.ts',
  undici: 'undici.ts',
  'node:timers/promises': 'timers-promises.ts',
}

/** Bundles each function and returns the file of each. */
export async function bundleFunctions(names: readonly string[]): Promise<Map<string, string>> {
  const outdir = mkdtempSync(path.join(tmpdir(), 'simulation-'))
  await build({
    entryPoints: names.map((name) => path.join(here, `../../functions/${name}.ts`)),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    banner: { js: BANNER },
    logLevel: 'warning',
    plugins: [
      {
        name: 'stand-ins',
        setup({ onResolve }) {
          onResolve({ filter: /./ }, (module) => {
            const standIn = STAND_INS[module.path]
            return standIn ? { path: path.join(here, standIn) } : undefined
          })
        },
      },
    ],
  })
  return new Map(names.map((name) => [name, path.join(outdir, `${name}.mjs`)]))
}
