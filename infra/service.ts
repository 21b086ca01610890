/** What serverless.yml says, as text: CloudFormation's own tags, as in !Ref, are not asked about here. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import type { Block } from './cloudformation.ts'

type Service = {
  custom: { operations: Record<string, Block> }
  params: { default: Record<string, unknown> }
}

export const service: Service = parse(readFileSync(path.join(import.meta.dirname, '../serverless.yml'), 'utf8'), {
  logLevel: 'error',
})
