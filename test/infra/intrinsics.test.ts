/** Intrinsic functions, resolved. */

import { expect, test } from 'vitest'
import { type Context, resolve } from '../../infra/intrinsics.ts'

const context: Context = {
  template: {
    Parameters: { Stage: { Default: 'dev' } },
    Conditions: { Yes: { 'Fn::Equals': ['a', 'a'] } },
    Resources: { Q: { Type: 'Q' } },
  },
  region: 'ap-southeast-1',
  account: '000000000000',
  stackName: 'local',
  physical: () => ({ ref: 'the-queue', attributes: { Arn: 'the-arn' } }),
}
test.each([
  [{ Ref: 'Q' }, 'the-queue'],
  [{ Ref: 'Stage' }, 'dev'],
  [{ 'Fn::GetAtt': 'Q.Arn' }, 'the-arn'],
  [
    { 'Fn::Sub': `${'$'}{AWS::Region}:${'$'}{Q}:${'$'}{Q.Arn}:${'$'}{!No}` },
    `ap-southeast-1:the-queue:the-arn:${'$'}{No}`,
  ],
  [{ 'Fn::Sub': [`${'$'}{X}`, { X: { Ref: 'Q' } }] }, 'the-queue'],
  [{ 'Fn::Join': ['-', ['a', { Ref: 'Stage' }]] }, 'a-dev'],
  [{ 'Fn::Select': [1, { 'Fn::Split': ['-', 'a-b'] }] }, 'b'],
  [{ a: [{ 'Fn::If': ['Yes', 1, 2] }], b: { Ref: 'AWS::NoValue' } }, { a: [1] }],
])('%j is %j', (value, expected) => expect(resolve(value, context)).toEqual(expected))

test.each([{ Ref: 'Unknown' }, { 'Fn::GetAtt': ['Q', 'Url'] }, { 'Fn::ImportValue': 'x' }])('%j throws', (value) =>
  expect(() => resolve(value, context)).toThrow(),
)
