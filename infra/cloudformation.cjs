// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders, filled in by CloudFormation
'use strict'

// How the files that serverless.yml reads spell CloudFormation, and what they read from serverless.yml. Logical ids:
// `feishu-drive-unsubscribe` gives FeishuDriveUnsubscribeQueue, …QueuePolicy, …Role and …Alarm; what osls makes is called
// FeishuDashdriveDashunsubscribe….

const sub = (text) => ({ 'Fn::Sub': text })
const ref = (id) => ({ Ref: id })
const arnOf = (id) => ({ 'Fn::GetAtt': [id, 'Arn'] })
/** An ARN in the stack's own partition, region and account. */
const arn = (service, resource) =>
  sub(`arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${resource}`)
const upperFirst = (text) => text[0].toUpperCase() + text.slice(1)
const idOf = (name) => name.split('-').map(upperFirst).join('')
/** How osls spells a function's key in its own logical ids. */
const oslsId = (key) => upperFirst(key.replaceAll('-', 'Dash').replaceAll('_', 'Underscore'))
const allow = (Sid, Action, Resource, Condition) => ({
  Sid,
  Effect: 'Allow',
  Action,
  Resource,
  ...(Condition && { Condition }),
})
const policy = (...Statement) => ({ Version: '2012-10-17', Statement: Statement.filter(Boolean) })
/** One object out of those that `map` makes of each entry. */
const collect = (object, map) => Object.assign({}, ...Object.entries(object).map(([key, value]) => map(key, value)))

/** The function that is no operation. */
const RENEWAL = 'user-token-renewal'

/** What the exports of those files read from serverless.yml. */
const settings = async ({ resolveVariable }) => ({
  stage: await resolveVariable('sls:stage'),
  service: await resolveVariable('self:service'),
  ...(await resolveVariable('self:custom')),
})

module.exports = { RENEWAL, allow, arn, arnOf, collect, idOf, oslsId, policy, ref, settings, sub, upperFirst }
