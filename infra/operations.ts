/** The only list of operations: `custom.operations` of serverless.yml, where each has a block, and functions/NAME.ts. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { assertDistinct, completeOperation, IncompleteOperation, type Operation } from './operation.ts'
import { service } from './service.ts'

const functions = path.join(import.meta.dirname, '../functions')
const blocks = service.custom.operations

/** The names of all operations, in the order of serverless.yml. */
export const operationNames: readonly string[] = Object.keys(blocks)

/**
 * Loads every operation. Throws `IncompleteOperation` when one is incomplete, repeats a part of another, has a file but no block, or is
 * unknown to the register.
 */
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
  for (const name of operationNames)
    if (!texts.get('subscription-register')?.includes(`'./${name}.ts'`))
      throw new IncompleteOperation(`functions/subscription-register.ts does not import ${name}`)
  return operations
}
