/** The only list of operations: `custom.operations` of serverless.yml, where each has a block, and functions/NAME.ts. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import type { Block } from './cloudformation.ts'
import { assertDistinct, completeOperation, IncompleteOperation, type Operation } from './operation.ts'

const root = path.join(import.meta.dirname, '..')
const functions = path.join(root, 'functions')

// CloudFormation's own tags, as in !Ref, are not asked about here.
const service = parse(readFileSync(path.join(root, 'serverless.yml'), 'utf8'), { logLevel: 'error' })
const blocks: Record<string, Block> = service.custom.operations

/** The names of all operations, in the order of serverless.yml. */
export const operationNames: readonly string[] = Object.keys(blocks)

/** Loads every operation. Throws `IncompleteOperation` when one is incomplete, repeats a part of another, or has a file but no block. */
export async function loadOperations(): Promise<Operation[]> {
  const texts = new Map(
    readdirSync(functions).map((file) => [
      path.basename(file, '.ts'),
      readFileSync(path.join(functions, file), 'utf8'),
    ]),
  )
  for (const [name, text] of texts)
    if (text.includes('export const operation') && !Object.hasOwn(blocks, name))
      throw new IncompleteOperation(`serverless.yml: custom.operations has no ${name}, which functions/${name}.ts is`)
  const operations = await Promise.all(
    Object.entries(blocks).map(async ([name, block]) => {
      const text = texts.get(name)
      if (text === undefined) throw new IncompleteOperation(`functions/${name}.ts is missing; serverless.yml names it`)
      return completeOperation(name, block, { ...(await import(`../functions/${name}.ts`)), text })
    }),
  )
  assertDistinct(operations)
  return operations
}
