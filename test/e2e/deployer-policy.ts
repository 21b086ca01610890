/** docs/deployer-policy.json, its placeholders filled in. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { ACCOUNT_ID } from './aws.ts'

export type Policy = { Version: string; Statement: { Sid: string; Action: string | string[] }[] }

export async function deployerPolicy(stage: string): Promise<Policy> {
  const text = await readFile(path.join(import.meta.dirname, '../../docs/deployer-policy.json'), 'utf8')
  const filled = text
    .replaceAll('REGION', 'ap-southeast-1')
    .replaceAll('ACCOUNT', ACCOUNT_ID)
    .replaceAll('STAGE', stage)
  return JSON.parse(filled)
}
