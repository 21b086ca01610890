/** A registration as an operator gives it, and how it is checked and sent. */
import { Option } from 'commander'
import { loadOperations } from '../../infra/operations.ts'
import { readFile } from '../../lib/feishu/drive-file.ts'
import { type Ending, registrationOf, type Subscriber } from '../../lib/register-event.ts'
import { type FieldIssue, issuesOf } from '../../lib/schema.ts'
import { UsageError, vendorId } from '../command.ts'

export type PersonOptions = { openId?: string; unionId?: string }

/** The options that name a person, of which one is needed. */
export const personOptions = () => [
  new Option('--open-id <open-id>', 'the person at Feishu or Lark').argParser(vendorId).conflicts('unionId'),
  new Option('--union-id <union-id>', 'the person at DingTalk').argParser(vendorId),
]

/** The person that the options name. */
export function readPerson({ openId, unionId }: PersonOptions): Subscriber {
  if (openId !== undefined) return { feishu: { openId } }
  if (unionId !== undefined) return { dingtalk: { unionId } }
  throw new UsageError('name the person: --open-id OPEN_ID, or --union-id UNION_ID')
}

/** The operations whose inputs can be registered: those that end a subscription. */
export const loadEnding = async (): Promise<Ending[]> =>
  (await loadOperations()).map(({ operation }) => operation).filter(({ starts }) => !starts)

/** The input in which `file_token` may be a document's address: that says the type, too. */
export function readDocument(input: Record<string, string>): Record<string, string> {
  const { file_token: address = '' } = input
  const file = /^https?:/.test(address) ? readFile(address) : undefined
  if (!file) return input
  const { fileToken = '', fileType = '', eventType } = file
  return { ...input, file_token: fileToken, file_type: fileType, ...(eventType && { event_type: eventType }) }
}

/** What is wrong with a registration, field by field. */
export const findIssues = (operations: Ending[], detail: { operation: unknown }): FieldIssue[] =>
  issuesOf(registrationOf(operations, detail.operation), detail)
