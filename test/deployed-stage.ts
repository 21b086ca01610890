/** A deployed stage for the tests that need one: another stage, or other parameters, would take seconds to compile. */

export const KMS_KEY = 'arn:aws:kms:ap-southeast-1:000000000000:key/customer-managed'

/** As long a name as a stage may have. */
export const STAGE = 'production'
export const PARAMS = {
  source: 'hr.other',
  secretsKmsKeyArn: KMS_KEY,
  dingtalkPeopleIndex: 'on',
  robots: 'feishu,dingtalk',
}

/** `name=value`, as a command takes parameters. */
export const PARAM = Object.entries(PARAMS).map(([name, value]) => `${name}=${value}`)
/** What a command is called with. */
export const STAGE_ARGS = ['--stage', STAGE, ...PARAM.flatMap((param) => ['--param', param])]
