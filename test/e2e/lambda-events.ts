/** The three kinds of event that reach an operation's function, made by hand. */

/** One input of each operation that succeeds in the sandbox's world. */
const operations = {
  'feishu-calendar-unsubscribe': { open_id: 'ou_leaver' },
  'feishu-calendar-acl-subscribe': {
    calendar_id: 'feishu.cn_team@group.calendar.feishu.cn',
    open_id: 'ou_custodian',
  },
  'feishu-approval-unsubscribe': { approval_code: '7C468A54-8745-2245-9675-08B7C63E7A86' },
  'feishu-drive-unsubscribe': { file_token: 'doxcnSandbox03', file_type: 'bitable' },
  'dingtalk-calendar-unsubscribe': { userId: 'sandboxUnionId01iE', calendarId: 'sandboxCalendar03=' },
}
export type Name = keyof typeof operations
export const names = Object.keys(operations) as Name[]

/** What API Gateway sends for the operation's input; `query` comes on top. */
export const httpEvent = (name: Name, query: Record<string, string> = {}) => {
  const ofPath = ['calendar_id', 'approval_code', 'file_token', 'userId', 'calendarId']
  const input = Object.entries(operations[name])
  return {
    version: '2.0',
    headers: {},
    pathParameters: Object.fromEntries(input.filter(([key]) => ofPath.includes(key))),
    queryStringParameters: { ...Object.fromEntries(input.filter(([key]) => !ofPath.includes(key))), ...query },
    requestContext: { http: { method: 'POST' } },
    isBase64Encoded: false,
  }
}

/** An offboarding event with one target for every operation, which changes nothing. */
export const offboardingEvent = (id: string) => ({
  id,
  source: 'hr.offboarding',
  'detail-type': 'User Offboarding',
  detail: {
    offboardingId: 'hr-runtime',
    dryRun: true,
    feishu: {
      openId: 'ou_leaver',
      calendar: true,
      calendarAcls: { openId: 'ou_custodian', calendarIds: ['feishu.cn_team@group.calendar.feishu.cn'] },
      approvalCodes: ['7C468A54-8745-2245-9675-08B7C63E7A86'],
      files: [{ fileToken: 'doxcnSandbox03', fileType: 'bitable' }],
    },
    dingtalk: { unionId: 'sandboxUnionId01iE', calendarIds: ['sandboxCalendar03='] },
  },
})

/** What the event source sends: `count` items of one bucket. */
export const batch = (name: Name, count: number) => ({
  Records: Array.from({ length: count }, (_, index) => ({
    messageId: `message-${index}`,
    receiptHandle: `receipt-${index}`,
    body: JSON.stringify({
      offboardingId: 'hr-runtime',
      operation: name,
      input: operations[name],
      dryRun: false,
      eventId: 'event-runtime',
      plannedAt: new Date().toISOString(),
    }),
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: String(Date.now()),
      ApproximateFirstReceiveTimestamp: String(Date.now()),
      MessageGroupId: 'feishu:default',
    },
    messageAttributes: {},
    eventSource: 'aws:sqs',
  })),
})
