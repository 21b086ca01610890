/** The functions' code as one script: a container starts by running it, where importing its modules anew takes far longer. */
import { globSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import vm from 'node:vm'
import { build } from 'esbuild'

const root = path.join(import.meta.dirname, '..')
const modules = globSync('{functions,lib}/**/*.ts', { cwd: root })

const { outputFiles } = await build({
  stdin: {
    contents: `module.exports = { ${modules.map((file) => `'${file}': () => import('./${file}')`)} }`,
    resolveDir: root,
  },
  write: false,
  bundle: true,
  external: ['@aws-sdk/*', 'undici'],
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  // Imports of packages become calls of `require` below.
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': JSON.stringify(import.meta.url) },
  sourcemap: 'inline',
})
const code = `(module, require) => {${outputFiles[0]?.text}\n}`
const script = new vm.Script(code, { filename: path.join(root, 'test/container.js') })
const requireModule = createRequire(import.meta.url)
/** By name: Node looks for a package anew whenever it is required. */
const packages = new Map<string, unknown>()
const load = (name: string) => {
  if (!packages.has(name)) packages.set(name, requireModule(name))
  return packages.get(name)
}

/**
 * Starts a container that has loaded nothing yet: module state of its own, packages and Node's modules shared, with
 * `standIns` in place of those it names. Returns how to load a file of functions/ or lib/, by its path.
 */
export function startContainer(standIns: Record<string, unknown>) {
  const module = { exports: {} as Record<string, () => Promise<unknown>> }
  script.runInThisContext()(module, (name: string) => standIns[name] ?? load(name))
  return <Module>(file: string): Promise<Module> => {
    const importFile = module.exports[file]
    if (!importFile) throw new Error(`no file ${file}`)
    return importFile() as Promise<Module>
  }
}
