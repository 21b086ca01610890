/** Conditions of a write, as data, and the expressions that DynamoDB has for them. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { marshal, type Value } from './attributes.ts'

/** What an attribute must be: this value, there or not, or there and smaller or greater. */
export type Test =
  | string
  | number
  | boolean
  | { exists: boolean }
  | { below: string | number }
  | { above: string | number }

/** Tests by attribute that must all hold; of several such, one must hold. */
export type When = Record<string, Test> | Record<string, Test>[]

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
