/** `npm run lint:template`: cfn-lint on what serverless.yml compiles to, as it is and with every parameter in use. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { compileTemplate } from '../infra/compile.ts'
import { preparePython, venvTool } from './python.ts'

const HELP = `Runs cfn-lint on the CloudFormation template that serverless.yml compiles to: as it is, and with every parameter in use.
Needs Python; the first run installs cfn-lint into a folder of its own.

  npm run lint:template
`

const EVERY_PARAMETER = {
  auth: 'jwt',
  jwtIssuer: 'https://login.example.com/tenant',
  jwtAudience: 'offboarding,hr',
  jwtScopes: 'offboarding/write',
  putEventsAccounts: '111111111111,222222222222',
  secretsKmsKeyArn: 'arn:aws:kms:ap-southeast-1:333333333333:key/11111111-2222-3333-4444-555555555555',
  vpcSubnetIds: 'subnet-0123456789abcdef0,subnet-0123456789abcdef1',
  vpcSecurityGroupIds: 'sg-0123456789abcdef0',
  permissionsBoundaryArn: 'arn:aws:iam::333333333333:policy/boundary',
  reservedConcurrency: '20',
  alarmEmail: 'oncall@example.com',
}

async function lint(): Promise<number> {
  const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const directory = mkdtempSync(path.join(tmpdir(), 'lint-template-'))
  try {
    await preparePython()
    const files = []
    for (const [name, params] of Object.entries({ default: {}, 'every-parameter': EVERY_PARAMETER })) {
      const file = path.join(directory, `${name}.json`)
      writeFileSync(file, JSON.stringify(await compileTemplate({ params }), null, 2))
      files.push(file)
    }
    const { status } = spawnSync(venvTool('cfn-lint'), ['--regions', 'ap-southeast-1', '--', ...files], {
      stdio: 'inherit',
    })
    if (status !== 0) return 1
    process.stdout.write(`cfn-lint finds nothing in ${files.length} templates\n`)
    return 0
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

process.exitCode = await lint().catch((error: Error) => {
  process.stderr.write(`npm run lint:template: ${error.message}\n`)
  return 1
})
