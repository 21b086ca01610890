/** Conditions, changes and ranges as data, and the expressions that DynamoDB has for them. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { marshal, type Value } from './attributes.ts'

/** What an attribute must be: this value, there or not, or there and smaller or greater. */
type Test = string | number | boolean | { exists: boolean } | { below: string | number } | { above: string | number }

/** Tests by attribute that must all hold; of several such, one must hold. */
export type When = Record<string, Test> | Record<string, Test>[]

/** How a write changes attributes. What is undefined is left as it is. */
export type Update = {
  set?: Record<string, Value | undefined>
  /** Set only where the item has no such attribute yet. */
  setOnce?: Record<string, Value | undefined>
  remove?: string[]
  /** Added to a number, or to a set of texts. */
  add?: Record<string, number | Set<string>>
}

/** Which sort keys a query finds: this one, those that begin so, or those between two, both included. */
export type Sort = string | { beginsWith: string } | { between: [string, string] }

/** The placeholders of a request: every name and value has one, so that reserved words and any text can be used. */
export class Names {
  readonly #names = new Map<string, string>()
  readonly #values: AttributeValue[] = []

  name(attribute: string): string {
    const known = this.#names.get(attribute)
    if (known) return known
    const placeholder = `#${this.#names.size}`
    this.#names.set(attribute, placeholder)
    return placeholder
  }

  value(value: Value): string {
    return `:${this.#values.push(marshal(value)) - 1}`
  }

  /** What the request needs besides its expressions. */
  given() {
    return {
      ...(this.#names.size > 0 && {
        ExpressionAttributeNames: Object.fromEntries(
          [...this.#names].map(([name, placeholder]) => [placeholder, name]),
        ),
      }),
      ...(this.#values.length > 0 && {
        ExpressionAttributeValues: Object.fromEntries(this.#values.map((value, index) => [`:${index}`, value])),
      }),
    }
  }
}

/** The condition of a write, if it has one. */
export function condition(when: When | undefined, names: Names) {
  if (!when) return {}
  const alternatives = [when]
    .flat()
    .map((tests) => Object.entries(tests).map(([attribute, test]) => expression(names.name(attribute), test, names)))
  return { ConditionExpression: alternatives.map((tests) => `(${tests.join(' AND ')})`).join(' OR ') }
}

function expression(name: string, test: Test, names: Names): string {
  if (typeof test !== 'object') return `${name} = ${names.value(test)}`
  if ('exists' in test) return `attribute_${test.exists ? '' : 'not_'}exists(${name})`
  return 'below' in test ? `${name} < ${names.value(test.below)}` : `${name} > ${names.value(test.above)}`
}

/** The clauses of an update; empty when it changes nothing. */
export function updateExpression({ set, setOnce, remove = [], add }: Update, names: Names): string {
  const each = (values: Record<string, Value | undefined> = {}, map: (name: string, value: string) => string) =>
    Object.entries(values).flatMap(([name, value]) =>
      value === undefined ? [] : [map(names.name(name), names.value(value))],
    )
  const clauses = {
    SET: [
      ...each(set, (name, value) => `${name} = ${value}`),
      ...each(setOnce, (name, value) => `${name} = if_not_exists(${name}, ${value})`),
    ],
    REMOVE: remove.map((name) => names.name(name)),
    ADD: each(add, (name, value) => `${name} ${value}`),
  }
  return Object.entries(clauses)
    .flatMap(([clause, parts]) => (parts.length > 0 ? [`${clause} ${parts.join(', ')}`] : []))
    .join(' ')
}

/** What a query asks of the keys of the table or of an index. */
export function keyCondition(
  partitionKey: string,
  partition: string,
  sortKey: string,
  sort: Sort | undefined,
  names: Names,
): string {
  const isPartition = `${names.name(partitionKey)} = ${names.value(partition)}`
  if (sort === undefined) return isPartition
  const name = names.name(sortKey)
  if (typeof sort === 'string') return `${isPartition} AND ${name} = ${names.value(sort)}`
  if ('beginsWith' in sort) return `${isPartition} AND begins_with(${name}, ${names.value(sort.beginsWith)})`
  const [from, to] = sort.between.map((bound) => names.value(bound))
  return `${isPartition} AND ${name} BETWEEN ${from} AND ${to}`
}
