/** `npm run build`: bundles each function to `dist/<operation>/index.mjs`. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules, createRequire } from 'node:module'
import path, { basename, dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec'
import { type BuildOptions, build, type Plugin } from 'esbuild'
import { runCommand } from '../cli/command.ts'

const HELP = `Bundles each function to dist/, with what it loads. The commands that need the bundles do so themselves.

  npm run build
`

const root = path.join(import.meta.dirname, '../')
const require = createRequire(import.meta.url)

/** Packages by what a function uses of them; docs/decisions/0020-slim-bundles.md has the reasons. */
const PACKAGES: Record<string, string> = {
  // Lambda hands a function its role's credentials in the environment, and nowhere else.
  '@aws-sdk/credential-provider-node': `export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env'`,
  // Of undici the HTTP/1.1 agent, without request(), fetch, WebSocket, caches, mocks and proxies.
  undici: `exports.Agent = require('undici/lib/dispatcher/agent.js')`,
}

/** Files that a function never reaches, though their packages name them, and the exports that must still be there. */
const UNREACHED: [file: RegExp, exports: string][] = [
  // HTTP/2, which lib/request.ts turns off; bodies other than text; the parser for processors without SIMD.
  [/\/undici\/lib\/(dispatcher\/client-h2|web\/.+|llhttp\/llhttp-wasm)\.js$/, ''],
  // What lower-cases well-known header names, built at the start; undici lower-cases those that are not in it itself.
  [/\/undici\/lib\/core\/tree\.js$/, 'exports.tree = { lookup() {} }'],
  // In place of node:crypto where it is missing.
  [/\/checksum\/sha256\/Sha256Js\.js$/, 'export let Sha256Js'],
  // Signing of event streams.
  [/\/@smithy\/signature-v4\/dist-es\/HeaderFormatter\.js$/, 'export class HeaderFormatter {}'],
]

/** Built-ins of which a function needs next to nothing. */
const BUILTINS: Record<string, string> = {
  // undici states what must hold, and compares nothing: the module that explains differences is not loaded.
  'node:assert': `module.exports = (holds, message) => {
    if (!holds) throw message instanceof Error ? message : new Error(message ?? 'assertion failed')
  }`,
}

const slim: Plugin = {
  name: 'slim',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[@\w]/ }, ({ path }) =>
      Object.hasOwn(PACKAGES, path) ? { path, namespace: 'package' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'package' }, ({ path }) => ({ contents: PACKAGES[path] ?? '', resolveDir: root }))
    for (const [filter, contents] of UNREACHED)
      onLoad({ filter }, ({ path }) => ({ contents, resolveDir: dirname(path) }))
    // undici's client needs two of the parser's enumerations, not its tables of methods and header characters.
    onLoad({ filter: /\/undici\/lib\/llhttp\/constants\.js$/ }, ({ path }) => {
      const { ERROR, TYPE } = require(path)
      return { contents: JSON.stringify({ ERROR, TYPE }), loader: 'json' }
    })
    // An ES import reads every export of a built-in, and so loads what node:http only names: 20 ms. A require does not.
    onResolve({ filter: new RegExp(`^(node:.+|${builtinModules.join('|')})$`) }, ({ path, kind }) =>
      Object.hasOwn(BUILTINS, path) || kind === 'import-statement' ? { path, namespace: 'builtin' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: BUILTINS[path] ?? `module.exports = require(${JSON.stringify(path)})`,
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
  mainFields: ['module', 'main'],
  define: {
    // undici's own switch for a build without its experimental parser.
    esbuildDetection: 'true',
    // Of the User-Agent.
    PACKAGE_VERSION: JSON.stringify(JSON.parse(readFileSync(`${root}package.json`, 'utf8')).version),
  },
  plugins: [slim],
  sourcemap: true,
  // Frames need names and lines, not the text of the sources.
  sourcesContent: false,
  // Dependencies written as CommonJS call require, which an ES module does not have.
  banner: { js: "const require=process.getBuiltinModule('module').createRequire(import.meta.url);" },
  logLevel: 'warning',
}

/** Bundles each entry point, a function, to `outdir/<its name>/index.mjs` and its source map, `inject` before the rest. */
export async function bundleAll(entryPoints: string[], outdir: string, inject: string[] = []): Promise<void> {
  const { outputFiles = [] } = await build({
    ...bundle,
    inject,
    absWorkingDir: root,
    entryPoints: entryPoints.map((entry) => ({ in: entry, out: `${basename(entry).replace(/\.m?[jt]s$/, '')}/index` })),
    outdir,
    write: false,
  })
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, path.endsWith('.map') ? ownPart(text) : text)
  }
}

/** The source map without the dependencies, whose frames keep the bundle's lines, and without names. */
function ownPart(text: string): string {
  const map: { sources: string[]; mappings: string } = JSON.parse(text)
  const sources = map.sources.filter((source) => !/node_modules\/|^(builtin|package):/.test(source))
  const sourceIndex = map.sources.map((source) => sources.indexOf(source))
  const mappings = decode(map.mappings).map((line) =>
    line
      .map(([column, from = -1, row = 0, start = 0]): SourceMapSegment => {
        const source = sourceIndex[from] ?? -1
        return source < 0 ? [column] : [column, source, row, start]
      })
      .filter((segment, at, all) => segment.length > 1 || (all[at - 1]?.length ?? 0) > 1),
  )
  return JSON.stringify({ version: 3, sources, names: [], mappings: encode(mappings) })
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
