/** `npm run build`: bundles each function to `dist/<operation>/`. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'
import { runCommand } from '../cli/command.ts'

const HELP = `Bundles each function to dist/, with what it loads. The commands that need the bundles do so themselves.

  npm run build
`

const root = path.join(import.meta.dirname, '../')

/*
 * The number beside a rule is what a start costs more without that rule alone, in processor time, where the start of an
 * empty function is 1. A rule that earns less than 0.05 does not stay: docs/decisions/0004-start-up.md.
 */

/** Modules by what a function uses of them. */
const MODULES: Record<string, string> = {
  // 0.1: Lambda puts the credentials of a function's role into the environment, and nowhere else.
  '@aws-sdk/credential-provider-node': `export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env'`,
  // 1.7, with the next rule: of undici the HTTP/1.1 agent, without request(), fetch, WebSocket, caches, mocks and proxies.
  undici: `exports.Agent = require('undici/lib/dispatcher/agent.js')`,
  // 0.1: undici asserts conditions and compares nothing, so the module that explains differences is not loaded.
  'node:assert': `module.exports = (condition, message) => {
    if (!condition) throw message instanceof Error ? message : new Error(message ?? 'assertion failed')
  }`,
}

/** 0.2: files that the agent names and never reaches: HTTP/2, which lib/request.ts turns off; fetch; the parser without SIMD. */
const UNREACHED = /\/undici\/lib\/(dispatcher\/client-h2|web\/.+|llhttp\/llhttp-wasm)\.js$/

/** 9 KB: of what its package.json says a client of AWS reads the version. */
const CLIENT_PACKAGE = /\/@aws-sdk\/client-[\w-]+\/package\.json$/

/** Of a function its handler alone: what documents and commands read of it is not deployed. */
const handlerOnly: Plugin = {
  name: 'handler-only',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /functions\/[\w-]+\.ts$/ }, ({ path, kind }) =>
      kind === 'entry-point' ? { path, namespace: 'function' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'function' }, ({ path }) => ({
      contents: `export { handler } from ${JSON.stringify(path)}`,
      resolveDir: root,
    }))
  },
}

/**
 * 0.1: what the start needs in one file, instead of one for each set of late imports that share it. So what is imported late
 * imports the function too.
 */
const oneStart = (entry: string): Plugin => ({
  name: 'one-start',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\.?\/.+\.ts$/ }, ({ kind, resolveDir, path: file }) =>
      kind === 'dynamic-import' ? { path: path.join(resolveDir, file), namespace: 'late' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'late' }, ({ path: file }) => ({
      contents: [`import ${JSON.stringify(path.resolve(root, entry))}`, `export * from ${JSON.stringify(file)}`].join(
        '\n',
      ),
      resolveDir: root,
    }))
  },
})

const slim: Plugin = {
  name: 'slim',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(${Object.keys(MODULES).join('|')})$`) }, ({ path }) => ({
      path,
      namespace: 'module',
    }))
    onLoad({ filter: /./, namespace: 'module' }, ({ path }) => ({ contents: MODULES[path] ?? '', resolveDir: root }))
    onLoad({ filter: UNREACHED }, () => ({ contents: '' }))
    onLoad({ filter: CLIENT_PACKAGE }, ({ path }) => {
      const { version } = JSON.parse(readFileSync(path, 'utf8'))
      return { contents: JSON.stringify({ version }), loader: 'json' }
    })
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
  // Chinese texts take 7 KB less than as escapes.
  charset: 'utf8',
  // 1.3: ES modules where a package has them, of which esbuild drops what is not used.
  mainFields: ['module', 'main'],
  // 0.5: what is imported when first needed, queue and bus, in a file of its own.
  splitting: true,
  // 0.1: what the SDK imports only in browsers and for event streams.
  external: ['bowser', '@smithy/core/event-streams'],
  // undici's own switch for a build without its experimental parser. 0.03, but 166 KB, of the 530 KB that a bundle may have.
  define: {
    esbuildDetection: 'true',
    // Of the User-Agent.
    PACKAGE_VERSION: JSON.stringify(JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version),
  },
  plugins: [handlerOnly, slim],
  sourcemap: true,
  // Frames need names and lines, not the text of the sources.
  sourcesContent: false,
  // Dependencies written as CommonJS call require, which an ES module does not have.
  banner: { js: "const require=process.getBuiltinModule('module').createRequire(import.meta.url);" },
  logLevel: 'warning',
}

/**
 * Bundles each entry point, a function, to `outdir/<its name>/index.mjs` and the files that it loads; `inject` goes first. Writes what
 * differs from what is there and returns the paths of all files.
 */
export async function bundleAll(entryPoints: string[], outdir: string, inject: string[] = []): Promise<string[]> {
  const bundles = await Promise.all(
    entryPoints.map(async (entry) => {
      const { metafile, outputFiles } = await build({
        ...bundle,
        plugins: [...(bundle.plugins ?? []), oneStart(entry)],
        inject,
        absWorkingDir: root,
        entryPoints: [{ in: entry, out: 'index' }],
        outdir: path.join(outdir, path.basename(entry).replace(/\.m?[jt]s$/, '')),
        metafile: true,
        write: false,
      })
      const loaded = listLoaded(metafile)
      return outputFiles.filter(({ path: file }) => loaded.has(file.replace(/\.map$/, '')))
    }),
  )
  return bundles.flat().map(({ path: file, contents }) => {
    if (!isSame(file, contents)) {
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, contents)
    }
    return file
  })
}

/** The paths of what a function loads: esbuild also makes files for an `import()` in code that it then drops as unused. */
function listLoaded({ outputs }: Metafile): Set<string> {
  const loaded = new Set(Object.keys(outputs).filter((file) => path.basename(file) === 'index.mjs'))
  for (const file of loaded) for (const { path } of outputs[file]?.imports ?? []) loaded.add(path)
  return new Set([...loaded].map((file) => path.join(root, file)))
}

function isSame(file: string, contents: Uint8Array): boolean {
  try {
    return readFileSync(file).equals(contents)
  } catch {
    return false
  }
}

/** Every file in `functions/` is one function; its name is the function's. */
async function buildFunctions(): Promise<void> {
  const files = readdirSync(`${root}functions`).filter((file) => file.endsWith('.ts'))
  const entryPoints = files.map((file) => `functions/${file}`)
  const built = new Set(await bundleAll(entryPoints, 'dist', ['lib/stack-trace.ts']))
  // A stack that runs from dist/ goes on: what it has yet to load is not taken away.
  for (const entry of readdirSync(`${root}dist`, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name)
    if (![...built].some((one) => one === file || one.startsWith(file + path.sep)))
      rmSync(file, { recursive: true, force: true })
  }
}

if (import.meta.main)
  await runCommand('build', async (args) => {
    const { values } = parseArgs({ args, options: { help: { type: 'boolean', default: false } } })
    if (values.help) process.stdout.write(HELP)
    else await buildFunctions()
    return 0
  })
