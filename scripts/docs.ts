/** `npm run docs`: writes what in docs/ is made from the code. A test compares. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { runCommand } from '../cli/command.ts'
import { codesPage } from './docs/codes-page.ts'
import { eventSchema } from './docs/event-schema.ts'
import { openApi } from './docs/openapi.ts'

const HELP = `Writes what in docs/ is made from the code: the vendor codes, the OpenAPI document and the JSON Schema of the event. Run it
after a change of routes, schemas or code tables; the tests fail until then.

  npm run docs
`

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** The text of every generated file, by its path. */
export const generated = async (): Promise<Record<string, string>> => ({
  'docs/codes.md': await codesPage(),
  'docs/openapi.json': json(await openApi()),
  'docs/offboarding-event.schema.json': json(eventSchema()),
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
