import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { venvTool } from '../../scripts/python.ts'
import { clientsOf } from './aws.ts'
import { printedBy, tryNpmRun, tryRun } from './npm.ts'
import { STAGE } from './setup.ts'

// What is packaged is what is deployed, and the same again from the same sources.

const cloud = inject('cloud')
const { lambda } = clientsOf(cloud)

/** Deployed with a parameter alone, which is off. */
const OPTIONAL = ['people-index', 'vendor-callbacks', 'notifications']
const functions = (await readdir(path.join(import.meta.dirname, '../../functions')))
  .map((file) => file.replace('.ts', ''))
  .filter((name) => !OPTIONAL.includes(name))
const zips = functions.map((name) => `${name}.zip`)

let again: string
beforeAll(async () => {
  again = await mkdtemp(path.join(tmpdir(), 'e2e-again-'))
  await printedBy(tryNpmRun(cloud, 'package', ['--stage', STAGE, '--package', again, ...cloud.deployArguments]))
})
afterAll(() => rm(again, { recursive: true, force: true }))

const zipsIn = async (directory: string) => (await readdir(directory)).filter((file) => file.endsWith('.zip')).sort()

it('there is one zip for each function', async () => {
  expect(functions.length).toBeGreaterThanOrEqual(5)
  expect(await zipsIn(cloud.artefacts)).toEqual([...zips].sort())
})

describe.each(functions)('%s', (name) => {
  const zip = () => readFile(path.join(cloud.artefacts, `${name}.zip`))

  it('is byte for byte the same when built and packaged again', async () => {
    expect((await zip()).equals(await readFile(path.join(again, `${name}.zip`)))).toBe(true)
  })

  it('holds its own bundle and nothing else', async () => {
    const list = 'import json, sys, zipfile; print(json.dumps(zipfile.ZipFile(sys.argv[1]).namelist()))'
    const { output } = await tryRun(venvTool('python'), ['-c', list, path.join(cloud.artefacts, `${name}.zip`)], {})
    const files = await readdir(path.join(import.meta.dirname, '../../dist', name))
    expect(JSON.parse(output).sort()).toEqual(files.map((file) => `dist/${name}/${file}`).sort())
  })

  it('is deployed as it was packaged', async () => {
    const { CodeSha256 } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: `${STAGE}-${name}` }))
    expect(CodeSha256).toBe(
      createHash('sha256')
        .update(await zip())
        .digest('base64'),
    )
  })
})
