/** Values of the table as JavaScript has them, and as DynamoDB writes them. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb'

/** What an attribute can be. A set has at least one member; what is undefined inside an object is left out. */
export type Value = string | number | boolean | null | Set<string> | Value[] | { [name: string]: Value | undefined }

/** The value as DynamoDB writes it. */
export function marshal(value: Value): AttributeValue {
  if (typeof value === 'string') return { S: value }
  if (typeof value === 'number') return { N: String(value) }
  if (typeof value === 'boolean') return { BOOL: value }
  if (value === null) return { NULL: true }
  if (value instanceof Set) return { SS: [...value] }
  return Array.isArray(value) ? { L: value.map(marshal) } : { M: marshalAll(value) }
}

/** An object's values as DynamoDB writes them, without those that are undefined. */
export const marshalAll = (values: Record<string, Value | undefined>): Record<string, AttributeValue> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, marshal(value)]])),
  )

/** The value as JavaScript has it. Throws on binary data and sets of numbers, which this table has none of. */
function unmarshal({ S, N, BOOL, NULL, SS, L, M }: AttributeValue): Value {
  if (S !== undefined) return S
  if (N !== undefined) return Number(N)
  if (BOOL !== undefined) return BOOL
  if (NULL) return null
  if (SS) return new Set(SS)
  if (L) return L.map(unmarshal)
  if (M) return unmarshalAll(M)
  throw new Error('an attribute of a type that this table does not use')
}

/** An object's values as JavaScript has them. */
export const unmarshalAll = (values: Record<string, AttributeValue>): Record<string, Value> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, unmarshal(value)]))
