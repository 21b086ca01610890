/** `npm run docs`: writes what in docs/ and the READMEs is made from the code. A test compares. */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { CommandError, runCommand } from '../cli/command.ts'
import { asyncApi } from './docs/asyncapi.ts'
import { codesPage } from './docs/codes-page.ts'
import { eventSchema } from './docs/event-schema.ts'
import { leavingSchema } from './docs/leaving-schema.ts'
import { openApi } from './docs/openapi.ts'
import { operationsTable } from './docs/operations-table.ts'
import { operatorPolicy } from './docs/operator-policy.ts'
import { outcomeSchemas } from './docs/outcome-schemas.ts'

const HELP = `Writes what is made from the code: the vendor codes, the OpenAPI and AsyncAPI documents, the JSON Schemas of the events and
the operator's policy in docs/, and the table of operations in both READMEs. Run it after a change of operations, schemas or code tables; the
tests fail until then.

  npm run docs
`

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** The file's text, with the table of operations between `<!-- operations -->` and `<!-- /operations -->`. */
async function withTable(file: string, language: 'en' | 'zh'): Promise<string> {
  const text = readFileSync(file, 'utf8')
  const between = /(<!-- operations -->\n)[\s\S]*?(<!-- \/operations -->)/
  if (!between.test(text)) throw new CommandError(`${file} has no <!-- operations --> … <!-- /operations -->`)
  const table = await operationsTable(language)
  return text.replace(between, (_, begin, end) => `${begin}\n${table}\n\n${end}`)
}

/** The text of every generated file, by its path. */
export const generated = async (): Promise<Record<string, string>> => ({
  'docs/codes.md': await codesPage(),
  'docs/openapi.json': json(await openApi()),
  'docs/offboarding-event.schema.json': json(await eventSchema()),
  'docs/leaving-event.schema.json': json(leavingSchema()),
  'docs/asyncapi.json': json(await asyncApi()),
  ...Object.fromEntries(Object.entries(outcomeSchemas()).map(([file, schema]) => [file, json(schema)])),
  'docs/operator-policy.json': json(operatorPolicy()),
  'README.md': await withTable('README.md', 'en'),
  'README.zh-CN.md': await withTable('README.zh-CN.md', 'zh'),
})

if (import.meta.main)
  await runCommand('docs', async (args) => {
    const { values } = parseArgs({ args, options: { help: { type: 'boolean', default: false } } })
    if (values.help) process.stdout.write(HELP)
    else
      for (const [file, text] of Object.entries(await generated())) {
        writeFileSync(file, text)
        process.stdout.write(`${file}\n`)
      }
    return 0
  })
