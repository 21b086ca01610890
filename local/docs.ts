/** `npm run docs`: writes what in docs/ is made from the code. A test compares. */
import { writeFileSync } from 'node:fs'
import { codesPage } from './codes-page.ts'
import { eventSchema } from './event-schema.ts'
import { openApi } from './openapi.ts'

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** The text of every generated file, by its path. */
export const generated = async (): Promise<Record<string, string>> => ({
  'docs/codes.md': await codesPage(),
  'docs/openapi.json': json(await openApi()),
  'docs/offboarding-event.schema.json': json(eventSchema()),
})

if (import.meta.main)
  for (const [file, text] of Object.entries(await generated())) {
    writeFileSync(file, text)
    process.stdout.write(`${file}\n`)
  }
