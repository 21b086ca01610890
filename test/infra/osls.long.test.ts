/** `osls package` as it runs for templates that are not in the cache. */
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { compileTemplate } from '../../infra/compile.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'osls-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

test.each([
  [{ auth: 'none' }, /auth=….*"iam" or "jwt"/],
  [{ alarmMail: 'ops@example.com' }, /no parameter "alarmMail"/],
])('packaging stops at what it refuses: %j', async (params, message) => {
  await expect(compileTemplate({ params })).rejects.toThrow(message)
})

test('growing takes one block for a sixth operation, and a function that is no operation as a list item', async () => {
  const copy = path.join(folder, 'copy')
  await cp('infra', path.join(copy, 'infra'), { recursive: true })
  await mkdir(path.join(copy, 'functions'))
  for (const file of [...readdirSync('functions'), 'feishu-task-unsubscribe.ts', 'nightly.ts'])
    await writeFile(path.join(copy, 'functions', file), '')
  const source = await readFile('serverless.yml', 'utf8')
  const grown = source
    .replace(
      /^ {2}operations:\n/m,
      '$&    feishu-task-unsubscribe: { route: POST /feishu/tasks/unsubscribe, vendor: feishu, actsAs: app }\n',
    )
    .replace(
      /^functions:\n/m,
      `$&  - nightly:
      name: dev-nightly
      handler: dist/nightly/index.handler
      package: { patterns: [dist/nightly/**] }
`,
    )
  await writeFile(path.join(copy, 'serverless.yml'), grown)

  const permissionsBoundaryArn = 'arn:aws:iam::333333333333:policy/boundary'
  const [plain, template] = [
    await compileTemplate(),
    await compileTemplate({ cwd: copy, params: { permissionsBoundaryArn } }),
  ]
  const added = Object.keys(template.Resources).filter((id) => !(id in plain.Resources))
  const ofTask = added.filter((id) => /task/i.test(id)).map((id) => template.Resources[id]?.Type)
  const ofDrive = Object.keys(plain.Resources).filter((id) => /drive|filetoken/i.test(id))
  expect(ofTask.sort()).toEqual(ofDrive.map((id) => plain.Resources[id]?.Type).sort())
  const ofNightly = added.filter((id) => /nightly/i.test(id)).map((id) => template.Resources[id]?.Type)
  expect(ofNightly.sort()).toEqual([
    'AWS::CloudWatch::Alarm',
    'AWS::CloudWatch::Alarm',
    'AWS::CloudWatch::Alarm',
    'AWS::CloudWatch::Alarm',
    'AWS::CloudWatch::Alarm',
    'AWS::Lambda::Function',
    'AWS::Logs::LogGroup',
  ])
  expect(JSON.stringify(template.Resources.ObservabilityKey)).toContain('/aws/lambda/dev-nightly')
  // Without a role of ours it has the one that osls makes.
  const roles = Object.entries(template.Resources).filter(([, { Type }]) => Type === 'AWS::IAM::Role')
  expect(roles.map(([id]) => id)).toContain('IamRoleLambdaExecution')
  for (const [, { Properties }] of roles)
    expect(Properties).toMatchObject({ PermissionsBoundary: permissionsBoundaryArn })
})

test('osls compiles the template with parameters and stage, without bundles, without credentials in reach', async () => {
  process.env.AWS_ACCESS_KEY_ID = 'planted'
  onTestFinished(() => void delete process.env.AWS_ACCESS_KEY_ID)
  const cwd = path.join(folder, 'service')
  for (const name of ['functions', 'infra']) mkdirSync(path.join(cwd, name), { recursive: true })
  const cacheFolder = path.join(folder, 'cache')
  const variables = { KEY: `${'$'}{env:AWS_ACCESS_KEY_ID, 'none'}`, HOST: `${'$'}{param:host, 'none'}` }
  const config = {
    service: 'sample',
    provider: { name: 'aws', environment: variables },
    package: { patterns: ['!**', 'dist/hello/**'] },
    functions: { hello: { handler: 'dist/hello/index.handler' } },
  }
  writeFileSync(path.join(cwd, 'functions/hello.ts'), '')
  writeFileSync(path.join(cwd, 'serverless.yml'), JSON.stringify(config))
  const { Resources } = await compileTemplate({ cwd, cacheFolder, stage: 'test', params: { host: 'example.com' } })
  expect(Resources.HelloLambdaFunction?.Properties).toMatchObject({
    FunctionName: 'sample-test-hello',
    Environment: { Variables: { KEY: 'none', HOST: 'example.com' } },
  })
  writeFileSync(path.join(cwd, 'serverless.yml'), '{}')
  await expect(compileTemplate({ cwd, cacheFolder })).rejects.toThrow(/osls package failed/)
})
