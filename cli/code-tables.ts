/** Every vendor code the product knows, out of the tables that the functions judge by. */
import { loadOperations } from '../infra/operations.ts'
import { dingtalkCalendarList } from '../lib/dingtalk/calendar-list.ts'
import {
  dingtalkCodePrefixes,
  dingtalkCodes,
  dingtalkTokenCodes,
  dingtalkUserTokenCodes,
} from '../lib/dingtalk/codes.ts'
import { dingtalkOapiCodes } from '../lib/dingtalk/oapi.ts'
import type { Text } from '../lib/error.ts'
import { feishuCalendarCodes, feishuCodes } from '../lib/feishu/codes.ts'
import { feishuOauthCodes, feishuTokenCodes } from '../lib/feishu/token-codes.ts'
import { dingtalkDirectoryCodes } from '../lib/people/dingtalk-directory.ts'
import { dingtalkPeopleCodes } from '../lib/people/dingtalk-people.ts'
import { feishuEmployees, feishuUser, feishuUserIds } from '../lib/people/feishu-people.ts'
import { feishuCalendarList } from '../lib/people/vendor-lists.ts'
import type { CodeTable } from '../lib/vendor/vendor.ts'
import type { VendorCall } from '../lib/vendor/vendor-call.ts'

/** A heading, and the codes under it. */
type Section = { title: Text; codes: CodeTable }

/** Every table, those of one operation first: the order in which a code is looked up. */
export async function listCodeSections(): Promise<Section[]> {
  const ownCodes = ({ codes }: Pick<VendorCall, 'codes'>) =>
    Object.fromEntries(Object.entries(codes).filter(([code, meaning]) => feishuCalendarCodes[code] !== meaning))
  const ofOperations = (await loadOperations()).map(({ name, operation }) => ({
    title: { en: `\`${name}\``, zh: '' },
    codes: { ...ownCodes(operation), ...(operation.question?.expect && ownCodes(operation.question)) },
  }))
  const prefixes = Object.entries(dingtalkCodePrefixes).map(([prefix, meaning]) => [`${prefix}…`, meaning])
  return [
    ...ofOperations,
    {
      title: {
        en: "`npx offboarding discover`: Feishu's list of calendars",
        zh: '`npx offboarding discover`：飞书日历列表',
      },
      codes: ownCodes(feishuCalendarList),
    },
    {
      title: {
        en: "`npx offboarding discover`: DingTalk's list of calendars",
        zh: '`npx offboarding discover`：钉钉日历列表',
      },
      codes: ownCodes(dingtalkCalendarList),
    },
    {
      title: { en: 'Finding a person at Feishu', zh: '在飞书查找人员' },
      codes: { ...feishuUserIds.codes, ...feishuEmployees.codes, ...feishuUser.codes },
    },
    {
      title: { en: 'Finding a person at DingTalk', zh: '在钉钉查找人员' },
      codes: { ...dingtalkPeopleCodes, ...dingtalkDirectoryCodes },
    },
    { title: { en: "Feishu's calendar calls", zh: '飞书日历接口' }, codes: feishuCalendarCodes },
    { title: { en: 'Any Feishu call', zh: '飞书任意接口' }, codes: feishuCodes },
    { title: { en: "Feishu: an app's or tenant's token", zh: '飞书：获取应用或租户令牌' }, codes: feishuTokenCodes },
    { title: { en: "Feishu: a user's tokens", zh: '飞书：获取或刷新用户令牌' }, codes: feishuOauthCodes },
    {
      title: { en: 'Any DingTalk call', zh: '钉钉任意接口' },
      codes: { ...dingtalkCodes, ...Object.fromEntries(prefixes) },
    },
    { title: { en: 'Any DingTalk call of the older APIs', zh: '钉钉旧版任意接口' }, codes: dingtalkOapiCodes },
    { title: { en: "DingTalk: an app's token", zh: '钉钉：获取应用令牌' }, codes: dingtalkTokenCodes },
    { title: { en: "DingTalk: a user's tokens", zh: '钉钉：获取或刷新用户令牌' }, codes: dingtalkUserTokenCodes },
  ]
}
