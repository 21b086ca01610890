/** The parameters of serverless.yml. */
import type { Checked, Osls } from './cloudformation.ts'

/** `custom.checked`: the parameters that need checking or splitting. Throws for a wrong value, which stops the packaging. */
export async function checked({ resolveVariable }: Osls): Promise<Checked> {
  const refuse = (message: string): never => {
    // osls prints a stack where there is one; here it would only bury the message.
    throw Object.assign(new Error(message), { stack: message })
  }
  const matching = async (name: string, pattern: RegExp, wanted: string): Promise<string> => {
    const value = String(await resolveVariable(`param:${name}`)).trim()
    return pattern.test(value) ? value : refuse(`--param="${name}=…" must be ${wanted}, got "${value}"`)
  }
  const number = async (name: string, wanted: string) => Number(await matching(name, /^[1-9]\d*$/, wanted))
  const list = async (name: string, pattern: RegExp, wanted: string): Promise<string[]> => {
    const value = await matching(name, /^/, wanted)
    const items = value
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean)
    if (items.every((item) => pattern.test(item))) return items
    return refuse(`--param="${name}=…" must be a comma list of ${wanted}, got "${value}"`)
  }

  const stage = String(await resolveVariable('sls:stage'))
  // It becomes part of names: AWS limits their length, S3 knows no capitals, and without hyphens no stage's names can
  // begin like another's (docs/decisions/0003-resource-names.md).
  if (!/^[a-z][a-z0-9]{0,9}$/.test(stage)) {
    refuse(`--stage must be at most ten lower-case letters and digits, beginning with a letter, got "${stage}"`)
  }

  // osls takes any name, and a misspelt one would leave its parameter at the default without a word.
  const { default: known = {}, [stage]: ofStage } = (await resolveVariable('self:params')) as Record<string, object>
  const given = ((await resolveVariable('opt:param, null')) ?? []) as string[]
  const unknown = [...given.map((param) => param.replace(/=.*/s, '')), ...Object.keys(ofStage ?? {})].find(
    (name) => !Object.hasOwn(known, name),
  )
  if (unknown) refuse(`serverless.yml has no parameter "${unknown}"`)

  const auth = await matching('auth', /^(iam|jwt)$/, '"iam" or "jwt"')
  const issuerUrl = await matching(
    'jwtIssuer',
    auth === 'jwt' ? /^(https:\/\/|http:\/\/(127\.0\.0\.1|localhost)[:/])\S+$/ : /^/,
    'an https URL when auth is jwt',
  )
  const audience = await list('jwtAudience', /^\S+$/, 'audiences')
  if (auth === 'jwt' && audience.length === 0) refuse('--param="auth=jwt" needs --param="jwtAudience=…"')
  const scopes = await list('jwtScopes', /^\S+$/, 'scopes')
  if (auth === 'iam' && scopes.length > 0) refuse('--param="jwtScopes=…" needs --param="auth=jwt"')

  const subnetIds = await list('vpcSubnetIds', /^subnet-\w+$/, 'subnet ids')
  const securityGroupIds = await list('vpcSecurityGroupIds', /^sg-\w+$/, 'security group ids')
  if ((subnetIds.length === 0) !== (securityGroupIds.length === 0)) {
    refuse('--param="vpcSubnetIds=…" and --param="vpcSecurityGroupIds=…" are needed together')
  }

  await checkSecretNames(matching, refuse)
  for (const name of ['feishuBaseUrl', 'feishuOauthTokenUrl', 'dingtalkBaseUrl', 'dingtalkOapiBaseUrl']) {
    await matching(name, /^(https:\/\/[^\s/]|http:\/\/(127\.0\.0\.1|localhost)[:/])/, 'an https URL')
  }

  const maximumConcurrency = Number(
    await matching('maximumConcurrency', /^([2-9]|[1-9]\d\d?|1000)$/, 'a number from 2 to 1000'),
  )
  // A batch that the function has no place for is received in vain, and SQS takes it off the queue after 1,000 receives.
  const reserved = await matching('reservedConcurrency', /^$|^[1-9]\d*$/, 'a number of concurrent executions')
  if (reserved && Number(reserved) <= 2 * maximumConcurrency) {
    refuse(
      `--param="reservedConcurrency=…" must be more than twice maximumConcurrency (${maximumConcurrency}), got "${reserved}"`,
    )
  }

  const onDeparture = (await matching(
    'onDeparture',
    /^(ignore|notify|offboard)$/,
    '"ignore", "notify" or "offboard"',
  )) as 'ignore' | 'notify' | 'offboard'

  const vendors = await list('vendors', /^(feishu|dingtalk)$/, 'feishu and dingtalk')
  if (vendors.length === 0) refuse('--param="vendors=…" must name feishu, dingtalk or both')

  const robots = [...new Set(await list('robots', /^(feishu|dingtalk)$/, 'feishu and dingtalk'))]
  const digestTimeZone = await matching('digestTimeZone', /^\S+$/, 'a time zone')
  if (!isTimeZone(digestTimeZone))
    refuse(`--param="digestTimeZone=…" must be a time zone such as "Asia/Shanghai", got "${digestTimeZone}"`)

  return {
    vendors: [...new Set(vendors)],
    dingtalkPeopleIndex: (await matching('dingtalkPeopleIndex', /^(on|off)$/, '"on" or "off"')) === 'on',
    robots,
    robotSecretIds: Object.fromEntries(
      await Promise.all(
        robots.map(async (robot) => [robot, await matching(`${robot}RobotSecretId`, /^/, 'the name of a secret')]),
      ),
    ),
    robotLanguage: await matching('robotLanguage', /^(en|zh)$/, '"en" or "zh"'),
    digestHour: Number(await matching('digestHour', /^(\d|1\d|2[0-3])$/, 'an hour from 0 to 23')),
    digestTimeZone,
    source: await matching(
      'source',
      /^(?!aws\.|subscription-offboarding$)\S{1,256}$/,
      'a name without spaces that does not begin with "aws." and is not "subscription-offboarding", the source of outcome events',
    ),
    authorizers:
      auth === 'jwt'
        ? { jwt: { type: 'jwt', identitySource: '$request.header.Authorization', issuerUrl, audience } }
        : {},
    routeAuthorizer: auth === 'jwt' ? { name: 'jwt', ...(scopes.length > 0 && { scopes }) } : { type: 'aws_iam' },
    rateLimit: await number('rateLimit', 'a number of requests a second'),
    burstLimit: await number('burstLimit', 'a number of requests'),
    vpc: subnetIds.length > 0 ? { subnetIds, securityGroupIds } : null,
    // The archive has the bus' name, and an archive's may have 48 characters.
    bus: await matching('bus', /^(?!default$)[\w.-]{1,48}$/, 'a new name of up to 48 letters, digits and .-_'),
    putEventsAccounts: await list('putEventsAccounts', /^\d{12}$/, 'account ids of twelve digits'),
    archiveRetentionDays: await number('archiveRetentionDays', 'a number of days'),
    renewWithinDays: await number('renewWithinDays', 'a number of days'),
    maxTargetsPerEvent: await number('maxTargetsPerEvent', 'a number of targets'),
    secretsKmsKeyArn: await matching(
      'secretsKmsKeyArn',
      /^$|^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/[\w-]+$/,
      'the ARN of a key',
    ),
    permissionsBoundaryArn:
      (await matching(
        'permissionsBoundaryArn',
        /^$|^arn:[\w-]+:iam::(\d{12}|aws):policy\/[\w+=,.@/-]+$/,
        'the ARN of a policy',
      )) || null,
    maximumConcurrency,
    reservedConcurrency: reserved ? Number(reserved) : null,
    removal: (await matching('onRemoval', /^(delete|keep)$/, '"delete" or "keep"')) === 'keep' ? KEEP : DELETE,
    logRetentionDays: Number(
      await matching(
        'logRetentionDays',
        new RegExp(`^(${LOG_RETENTION_DAYS.join('|')})$`),
        `one of ${LOG_RETENTION_DAYS.join(', ')}`,
      ),
    ),
    runbookUrl: await matching('runbookUrl', /^[^\s#]{1,300}$/, 'an address or path without "#"'),
    alarmEmail: await matching('alarmEmail', /^$|^\S+@\S+$/, 'an e-mail address'),
    oldestMessageAlarmSeconds: await number('oldestMessageAlarmSeconds', 'a number of seconds'),
    vendorCallbacks:
      (await matching('vendorCallbacks', /^(on|off)$/, '"on" or "off"')) === 'on'
        ? {
            feishuSecretId: await matching('feishuCallbackSecretId', /^/, ''),
            dingtalkSecretId: await matching('dingtalkCallbackSecretId', /^/, ''),
            onDeparture,
          }
        : null,
  }
}

function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** They become part of policies: no wildcard, nothing empty, and no name of one kind that a policy for another kind allows. */
async function checkSecretNames(
  matching: (name: string, pattern: RegExp, wanted: string) => Promise<string>,
  refuse: (message: string) => never,
): Promise<void> {
  const NAME = /^[\w/+=.@-]+$/
  const names = new Map<string, string>()
  for (const param of [
    'feishuAppSecretId',
    'dingtalkAppSecretId',
    'feishuCallbackSecretId',
    'dingtalkCallbackSecretId',
    'feishuRobotSecretId',
    'dingtalkRobotSecretId',
  ])
    names.set(param, await matching(param, NAME, 'the name of a secret (letters, digits and /_+=.@-)'))
  for (const param of ['feishuUserSecretPrefix', 'dingtalkUserSecretPrefix'])
    names.set(
      param,
      await matching(
        param,
        /^[\w/+=.@-]+\/$/,
        'the beginning of names of secrets (letters, digits and /_+=.@-) up to a "/"',
      ),
    )
  for (const [param, name] of names)
    for (const [other, begin] of names)
      if (param !== other && (name === begin || (begin.endsWith('/') && name.startsWith(begin))))
        refuse(`--param="${param}=…" must not begin with ${other} ("${begin}"), got "${name}"`)
}

const DELETE = { DeletionPolicy: 'Delete', UpdateReplacePolicy: 'Delete' }
/** Except on create: what a failed first deploy has made does not stand in the way of the next one. */
const KEEP = { DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' }

/** What CloudWatch Logs accepts. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
]
