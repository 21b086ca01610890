/** Keeps the register of subscriptions. No operation: it has no route and no queue. */

import { keepRegister } from '../lib/handlers/register.ts'
import type { BusEvent } from '../lib/handlers/reject.ts'
import type { Ending } from '../lib/register-event.ts'
import { operation as dingtalkCalendar } from './dingtalk-calendar-unsubscribe.ts'
import { operation as feishuApproval } from './feishu-approval-unsubscribe.ts'
import { operation as feishuCalendarAcl } from './feishu-calendar-acl-subscribe.ts'
import { operation as feishuCalendar } from './feishu-calendar-unsubscribe.ts'
import { operation as feishuDrive } from './feishu-drive-unsubscribe.ts'

/** Every operation: an input is checked by its own schema before anything else of it sees that. */
const operations = [
  feishuCalendar,
  feishuCalendarAcl,
  feishuApproval,
  feishuDrive,
  dingtalkCalendar,
] as unknown as readonly Ending[]

export const handler = (event: BusEvent): Promise<void> => keepRegister(operations, event)
