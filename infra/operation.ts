/** An operation and its documentation: its block in serverless.yml and its file in functions/, checked to be complete. */
import { isDeepStrictEqual } from 'node:util'
import type * as v from 'valibot'
import { KINDS } from '../lib/error.ts'
import { offboarding } from '../lib/offboarding-event.ts'
import type { Operation as Contract } from '../lib/operation.ts'
import { type OperationDocs, SHARED_FIELDS } from '../lib/operation-docs.ts'
import { issuesOf, parse } from '../lib/schema.ts'
import type { Block } from './cloudformation.ts'

/** An operation is incomplete. The message is one sentence that names the file and the field. */
export class IncompleteOperation extends Error {}

export type Operation = Block & {
  name: string
  operation: Contract & { input: { entries: Record<string, v.GenericSchema> } }
  docs: OperationDocs
  /** The vendor's page of the contract. */
  page: string
}

/** What functions/NAME.ts exports, as far as it is there, and its text. */
type Module = { operation?: Contract; docs?: OperationDocs; handler?: unknown; text: string }

const CONTRACT_FIELDS = [
  'vendor',
  'method',
  'path',
  'query',
  'pace',
  'input',
  'identity',
  'codes',
  'succeeded',
  'targets',
] as const

/** Puts the operation `name` together. Throws `IncompleteOperation` for the first thing that is missing or does not fit. */
export function completeOperation(
  name: string,
  block: Partial<Block>,
  { operation, docs, handler, text }: Module,
): Operation {
  const file = `functions/${name}.ts`
  const need = (holds: unknown, problem: string) => {
    if (!holds) throw new IncompleteOperation(problem)
  }
  const both = (texts: Partial<Record<'en' | 'zh', string>> | undefined, field: string) => {
    for (const language of ['en', 'zh'] as const) need(texts?.[language], `${file}: ${field}.${language} is missing`)
  }
  const ofBlock = `serverless.yml: custom.operations.${name}`
  need(/^(POST|DELETE) \/\S+$/.test(block.route ?? ''), `${ofBlock}.route must be a method and a path`)
  need(block.actsAs === 'user' || block.actsAs === 'app', `${ofBlock}.actsAs must be user or app`)

  if (!operation) throw new IncompleteOperation(`${file} exports no operation`)
  need(operation.name === name, `${file}: operation.name must be "${name}"`)
  for (const field of CONTRACT_FIELDS) need(operation[field], `${file}: operation.${field} is missing`)
  need(operation.pace.perSecond ?? operation.pace.perMinute, `${file}: operation.pace is missing`)
  need(operation.vendor.name === block.vendor, `${ofBlock}.vendor must be ${operation.vendor.name}, as in ${file}`)
  const { question } = operation
  need(block.question === question?.name, `${ofBlock}.question must be ${question?.name ?? 'left out'}, as in ${file}`)
  if (question)
    need(question.pace?.perSecond ?? question.pace?.perMinute, `${file}: operation.question.pace is missing`)
  const { entries } = operation.input as Operation['operation']['input']
  for (const [, field = ''] of (block.route ?? '').matchAll(/\{(\w+)\}/g))
    need(Object.hasOwn(entries, field), `${ofBlock}.route has {${field}}, which operation.input in ${file} has not`)
  for (const [, field = ''] of operation.path.matchAll(/:(\w+)/g))
    need(Object.hasOwn(entries, field), `${file}: operation.path has :${field}, which operation.input has not`)
  for (const field of operation.query)
    need(Object.hasOwn(entries, field), `${file}: operation.query has ${field}, which operation.input has not`)
  need(handler, `${file} exports no handler`)
  const [page] = /https:\/\/\S+/.exec(text) ?? []
  need(page, `${file}: the first comment does not name the vendor's page`)

  if (!docs) throw new IncompleteOperation(`${file} exports no docs`)
  both(docs.summary, 'docs.summary')
  for (const field of Object.keys(entries))
    if (!Object.hasOwn(SHARED_FIELDS, field)) both(docs.fields?.[field], `docs.fields.${field}`)

  need(docs.samples?.changed, `${file}: docs.samples.changed is missing`)
  for (const [becomes, values] of Object.entries(docs.samples)) {
    const known = Object.hasOwn(KINDS, becomes) || ['changed', 'unchanged'].includes(becomes)
    need(known, `${file}: docs.samples.${becomes} is named by neither an outcome nor a kind of error`)
    const [[field, { en }] = ['', { en: '' }]] = issuesOf(operation.input, { ...docs.samples.changed, ...values })
    need(en === '', `${file}: docs.samples.${becomes}.${field} ${en}`)
  }

  need(docs.event?.sample, `${file}: docs.event.sample is missing`)
  const detail = { offboardingId: 'sample', ...docs.event.sample }
  const [[field, { en }] = ['', { en: '' }]] = issuesOf(offboarding, detail)
  need(en === '', `${file}: docs.event.sample.${field} ${en} (lib/offboarding-event.ts)`)
  const targets = JSON.parse(JSON.stringify(operation.targets(parse(offboarding, detail))))
  need(
    isDeepStrictEqual(targets, [docs.samples.changed]),
    `${file}: operation.targets must make docs.samples.changed, and nothing else, of docs.event.sample`,
  )
  need(Object.keys(docs.event.fields ?? {}).length > 0, `${file}: docs.event.fields is missing`)
  return { ...(block as Block), name, operation: operation as Operation['operation'], docs, page: page ?? '' }
}

/** Throws `IncompleteOperation` for an event option or a field of the event that two operations have. */
export function assertDistinct(operations: Operation[]): void {
  const owners = new Map<string, string>()
  for (const { name, docs } of operations) {
    const options = (docs.event.options ?? []).map((option) => ['options', option.name] as const)
    const fields = Object.keys(docs.event.fields).map((field) => ['fields', field] as const)
    for (const [list, entry] of [...options, ...fields]) {
      const key = `docs.event.${list} has ${entry}`
      const owner = owners.get(key)
      if (owner) throw new IncompleteOperation(`functions/${name}.ts: ${key}, which functions/${owner}.ts has too`)
      owners.set(key, name)
    }
  }
}
