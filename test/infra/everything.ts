/** A stage with all that is off by default: compiled once, as osls takes seconds. */
import { compileTemplate, type Template } from '../../infra/compile.ts'

export const KEY = 'arn:aws:kms:ap-southeast-1:000000000000:key/11111111-2222-3333-4444-555555555555'

export const compileEverything = (): Promise<Template> =>
  compileTemplate({
    stage: 'local',
    params: {
      vendorCallbacks: 'on',
      onDeparture: 'offboard',
      secretsKmsKeyArn: KEY,
      robots: 'feishu,dingtalk',
      robotLanguage: 'zh',
      digestHour: '18',
      digestTimeZone: 'Europe/Berlin',
      dingtalkPeopleIndex: 'on',
      onRemoval: 'keep',
    },
  })
