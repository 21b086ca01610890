/** `npm run build`: bundles each function to `dist/<operation>/`. */
import { readdirSync, rmSync } from 'node:fs'
import { builtinModules } from 'node:module'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type BuildOptions, build, type Plugin } from 'esbuild'
import { runCommand } from '../cli/command.ts'

const HELP = `Bundles each function to dist/, with what it loads. The commands that need the bundles do so themselves.

  npm run build
`

const root = path.join(import.meta.dirname, '../')

/*
 * The number beside each rule is what a start costs more without that rule alone, in processor time, where an empty
 * function's start is 1. A rule that earns less than 0.05 does not stay: docs/decisions/0020-start-up.md.
 */

/** Packages by what a function uses of them. */
const PACKAGES: Record<string, string> = {
  // 0.12: Lambda hands a function its role's credentials in the environment, and nowhere else.
  '@aws-sdk/credential-provider-node': `export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env'`,
  // 0.5: of undici the HTTP/1.1 agent, without request(), fetch, WebSocket, caches, mocks and proxies.
  undici: `exports.Agent = require('undici/lib/dispatcher/agent.js')`,
}

/** 0.3: files that the agent names and never reaches: HTTP/2, which lib/request.ts turns off; fetch; the parser without SIMD. */
const UNREACHED = /\/undici\/lib\/(dispatcher\/client-h2|web\/.+|llhttp\/llhttp-wasm)\.js$/

const slim: Plugin = {
  name: 'slim',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[@\w]/ }, ({ path }) =>
      Object.hasOwn(PACKAGES, path) ? { path, namespace: 'package' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'package' }, ({ path }) => ({ contents: PACKAGES[path] ?? '', resolveDir: root }))
    onLoad({ filter: UNREACHED }, () => ({ contents: '' }))
    // 0.09: an ES import reads every export of a built-in, and so loads what node:http only names. A require does not.
    onResolve({ filter: new RegExp(`^(node:.+|${builtinModules.join('|')})$`) }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'builtin' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)})`,
    }))
  },
}

/** How a function is bundled. */
export const bundle: BuildOptions = {
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  target: 'node24',
  // 1.3: ES modules where a package has them, of which esbuild drops what is not used.
  mainFields: ['module', 'main'],
  // 0.3: what is imported when first needed, queue and bus, in files of its own.
  splitting: true,
  // 0.08: what the SDK imports in browsers and for event streams alone.
  external: ['bowser', '@smithy/core/event-streams'],
  // 0.05: undici's own switch for a build without its experimental parser.
  define: { esbuildDetection: 'true' },
  plugins: [slim],
  sourcemap: true,
  // Frames need names and lines, not the text of the sources.
  sourcesContent: false,
  // Dependencies written as CommonJS call require, which an ES module does not have.
  banner: { js: "const require=process.getBuiltinModule('module').createRequire(import.meta.url);" },
  logLevel: 'warning',
}

/** Bundles each entry point, a function, to `outdir/<its name>/index.mjs` and the files that it loads; `inject` goes first. */
export async function bundleAll(entryPoints: string[], outdir: string, inject: string[] = []): Promise<void> {
  await Promise.all(
    entryPoints.map((entry) =>
      build({
        ...bundle,
        inject,
        absWorkingDir: root,
        entryPoints: [{ in: entry, out: 'index' }],
        outdir: path.join(outdir, path.basename(entry).replace(/\.m?[jt]s$/, '')),
      }),
    ),
  )
}

/** Every file in `functions/` is one function; its name is the function's. */
async function buildFunctions(): Promise<void> {
  rmSync(`${root}dist`, { recursive: true, force: true })
  const files = readdirSync(`${root}functions`).filter((file) => file.endsWith('.ts'))
  await bundleAll(
    files.map((file) => `functions/${file}`),
    'dist',
    ['lib/stack-trace.ts'],
  )
}

if (import.meta.main)
  await runCommand('build', async (args) => {
    const { values } = parseArgs({ args, options: { help: { type: 'boolean', default: false } } })
    if (values.help) process.stdout.write(HELP)
    else await buildFunctions()
    return 0
  })
