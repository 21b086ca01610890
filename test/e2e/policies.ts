/** The policies of docs/, their placeholders filled in. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { ACCOUNT_ID } from './aws.ts'

export type Policy = { Version: string; Statement: { Sid: string; Action: string | string[] }[] }

export const deployerPolicy = (stage: string): Promise<Policy> => read('deployer-policy.json', stage)
export const operatorPolicy = (stage: string): Promise<Policy> => read('operator-policy.json', stage)

async function read(file: string, stage: string): Promise<Policy> {
  const text = await readFile(path.join(import.meta.dirname, '../../docs', file), 'utf8')
  const filled = text
    .replaceAll('REGION', 'ap-southeast-1')
    .replaceAll('ACCOUNT', ACCOUNT_ID)
    .replaceAll('STAGE', stage)
  return JSON.parse(filled)
}
