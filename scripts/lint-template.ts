/** `npm run lint:template`: cfn-lint and checkov on what serverless.yml compiles to, as it is and with every parameter in use. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { compileTemplate } from '../infra/compile.ts'
import { judge, parseReport } from './findings.ts'
import { preparePython, SCANNER, venvTool } from './python.ts'

const HELP = `Runs cfn-lint and checkov on the CloudFormation template that serverless.yml compiles to: as it is, and with every parameter
in use. What checkov may find, and why, is listed in scripts/findings.ts. Needs Python; the first run installs both tools, each
into a folder of its own.

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
  onRemoval: 'keep',
  dingtalkPeopleIndex: 'on',
  vendorCallbacks: 'on',
  onDeparture: 'offboard',
  robots: 'feishu,dingtalk',
}

async function lint(): Promise<number> {
  const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const directory = mkdtempSync(path.join(tmpdir(), 'lint-template-'))
  try {
    await Promise.all([preparePython(), preparePython(SCANNER)])
    const files = []
    for (const [name, params] of Object.entries({ default: {}, 'every-parameter': EVERY_PARAMETER })) {
      const file = path.join(directory, `${name}.json`)
      writeFileSync(file, JSON.stringify(await compileTemplate({ params }), null, 2))
      files.push(file)
    }
    const { status } = spawnSync(venvTool('cfn-lint'), ['--regions', 'ap-southeast-1', '--', ...files], {
      stdio: 'inherit',
    })
    if (status === 0) process.stdout.write(`cfn-lint finds nothing in ${files.length} templates\n`)
    return scan(files) && status === 0 ? 0 : 1
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** True where checkov finds nothing but what is accepted. Its own exit code counts every finding. */
function scan(files: string[]): boolean {
  const offline = ['--framework', 'cloudformation', '--skip-download', '--compact', '--output', 'json']
  const { stdout, stderr, error } = spawnSync(venvTool('checkov', SCANNER), [...offline, '--file', ...files], {
    encoding: 'utf8',
    env: { ...process.env, CKV_SKIP_PACKAGE_UPDATE_CHECK: 'true' },
    maxBuffer: 256 * 1024 * 1024,
  })
  if (error || !stdout) throw new Error(`checkov did not run: ${error?.message ?? stderr}`)
  const { findings, passed } = parseReport(stdout)
  const problems = judge(findings)
  for (const problem of problems) process.stdout.write(`${problem}\n`)
  process.stdout.write(
    `checkov: ${passed} passed, ${findings.length} failed; to be dealt with: ${problems.length || 'nothing'}\n`,
  )
  return problems.length === 0
}

process.exitCode = await lint().catch((error: Error) => {
  process.stderr.write(`npm run lint:template: ${error.message}\n`)
  return 1
})
