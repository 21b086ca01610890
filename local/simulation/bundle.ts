/** The functions as they are, bundled with the simulation's AWS, vendors and timers in place of the real ones. */
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Handler } from 'aws-lambda'
import { build } from 'esbuild'
import { type Host, PARAMETERS } from './host.ts'

const here = import.meta.dirname
const STAND_INS: Record<string, string> = {
  '@aws-sdk/client-secrets-manager': 'aws.ts',
  '@aws-sdk/client-sqs': 'aws.ts',
  '@aws-sdk/client-eventbridge': 'aws.ts',
  '@aws-sdk/client-dynamodb': 'dynamodb.ts',
  undici: 'undici.ts',
  'node:timers': 'timers.ts',
  'node:timers/promises': 'timers-promises.ts',
}

/** Starts a container: the function's code evaluated anew, with a host and globals of its own. */
export type Start = (
  host: Host,
  globals: {
    Date: object
    Math: object
    process: object
    setTimeout: object
    clearTimeout: object
    AbortSignal: object
  },
) => Handler

const bundled = new Map<string, Promise<Map<string, Start>>>()

/** Bundles each function, once in this process, and returns how to start a container of it. */
export function bundleFunctions(names: readonly string[]): Promise<Map<string, Start>> {
  const key = names.join()
  const bundles = bundled.get(key) ?? bundle(names)
  bundled.set(key, bundles)
  return bundles
}

async function bundle(names: readonly string[]): Promise<Map<string, Start>> {
  const { outputFiles } = await build({
    entryPoints: names.map((name) => path.join(here, `../../functions/${name}.ts`)),
    outdir: here,
    write: false,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
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
  const require = createRequire(import.meta.url)
  return new Map(
    outputFiles.map((file): [string, Start] => {
      const evaluate = new Function(...PARAMETERS, file.text)
      return [
        path.basename(file.path, '.js'),
        (host, globals) => {
          const module = { exports: {} as { handler: Handler } }
          evaluate(
            host,
            module,
            require,
            globals.Date,
            globals.Math,
            globals.process,
            globals.setTimeout,
            globals.clearTimeout,
            globals.AbortSignal,
          )
          return module.exports.handler
        },
      ]
    }),
  )
}
