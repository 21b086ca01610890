/** `npm run sbom`: which packages are deployed, as a CycloneDX document. */
import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { build } from 'esbuild'
import { CommandError, runCommand } from '../cli/command.ts'
import { bundle } from './build.ts'

const HELP = `Prints a CycloneDX document of every npm package that has code in the bundles: version, license, checksum.

  npm run --silent sbom > sbom.json
`

const root = path.join(import.meta.dirname, '..')

type Sbom = {
  metadata: { component: { 'bom-ref': string; name: string; type: string } }
  components: { 'bom-ref': string }[]
  dependencies: { ref: string; dependsOn: string[] }[]
}

/**
 * npm's own list, less what no bundle contains. `npm sbom --omit dev` is no substitute: it lists packages that are never
 * loaded, and leaves out those that a development tool needs too.
 */
async function makeSbom(): Promise<Sbom> {
  const bundled = await listBundled()
  const sbom = await askNpm()
  const { component } = sbom.metadata
  const self = component['bom-ref']
  const components = sbom.components.filter((it) => bundled.has(it['bom-ref']))
  const missing = [...bundled].filter((ref) => !components.some((it) => it['bom-ref'] === ref))
  if (missing.length > 0) throw new CommandError(`npm does not know ${missing.join(', ')}: run "npm ci"`)
  return {
    ...sbom,
    metadata: { ...sbom.metadata, component: { ...component, type: 'application', name: self.split('@')[0] ?? self } },
    components,
    dependencies: sbom.dependencies
      .filter(({ ref }) => ref === self || bundled.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((it) => bundled.has(it)) })),
  }
}

/** `name@version` of every package with at least a byte in a bundle. */
async function listBundled(): Promise<Set<string>> {
  const { metafile } = await build({
    ...bundle,
    absWorkingDir: root,
    entryPoints: globSync('functions/*.ts', { cwd: root }),
    inject: ['lib/stack-trace.ts'],
    outdir: 'dist',
    write: false,
    metafile: true,
  })
  const files = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
  )
  return new Set(files.flatMap(packageOf))
}

/** Of a file below `node_modules`, else none. */
function packageOf(file: string): string[] {
  const [folder] = /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file) ?? []
  if (folder === undefined) return []
  const { name, version } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'))
  return [`${name}@${version}`]
}

async function askNpm(): Promise<Sbom> {
  const args = ['sbom', '--sbom-format', 'cyclonedx']
  const { stdout } = await promisify(execFile)('npm', args, { cwd: root, maxBuffer: 64 << 20 }).catch((error) => {
    throw new CommandError(`npm sbom failed: ${String(error.stderr).trim().split('\n')[0]}`)
  })
  return JSON.parse(stdout)
}

await runCommand('sbom', async (args) => {
  const { values } = parseArgs({ args, options: { help: { type: 'boolean', default: false } } })
  process.stdout.write(values.help ? HELP : `${JSON.stringify(await makeSbom(), null, 2)}\n`)
  return 0
})
