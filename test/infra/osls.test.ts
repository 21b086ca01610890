/** serverless.yml compiled without an account. */

import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { compileTemplate } from '../../infra/compile.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'local-aws-'))
})

test('osls compiles the template with parameters and stage, without bundles, without credentials in reach', async () => {
  process.env.AWS_ACCESS_KEY_ID = 'planted'
  onTestFinished(() => void delete process.env.AWS_ACCESS_KEY_ID)
  const cwd = path.join(folder, 'service')
  for (const name of ['functions', 'infra']) await mkdir(path.join(cwd, name), { recursive: true })
  const variables = { KEY: `${'$'}{env:AWS_ACCESS_KEY_ID, 'none'}`, HOST: `${'$'}{param:host, 'none'}` }
  const config = {
    service: 'sample',
    provider: { name: 'aws', environment: variables },
    package: { patterns: ['!**', 'dist/hello/**'] },
    functions: { hello: { handler: 'dist/hello/index.handler' } },
  }
  await writeFile(path.join(cwd, 'functions/hello.ts'), '')
  await writeFile(path.join(cwd, 'serverless.yml'), JSON.stringify(config))
  const { Resources } = await compileTemplate({ cwd, stage: 'test', params: { host: 'example.com' } })
  expect(Resources.HelloLambdaFunction?.Properties).toMatchObject({
    FunctionName: 'sample-test-hello',
    Environment: { Variables: { KEY: 'none', HOST: 'example.com' } },
  })
  await writeFile(path.join(cwd, 'serverless.yml'), '{}')
  await expect(compileTemplate({ cwd })).rejects.toThrow(/osls package failed/)
}, 60_000)
