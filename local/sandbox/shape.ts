/** A few combinators that check JSON against a shape and say where it differs; the checked type is inferred. */

/** Returns the value, typed, or throws a `ShapeError` that names the path. */
export type Shape<T> = (value: unknown, path: string) => T

/** The data is not of the shape; the message starts with the path, for instance `feishu.users[2].status`. */
export class ShapeError extends Error {
  override name = 'ShapeError'
  constructor(path: string, expected: string) {
    super(`${path || 'the document'} must be ${expected}`)
  }
}

const primitive =
  <T>(expected: string, is: (value: unknown) => boolean): Shape<T> =>
  (value, path) => {
    if (!is(value)) throw new ShapeError(path, expected)
    return value as T
  }

/** A string with at least one character. */
export const text = primitive<string>('a non-empty string', (value) => typeof value === 'string' && value !== '')

/** `true` or `false`. */
export const flag = primitive<boolean>('true or false', (value) => typeof value === 'boolean')

/** Any finite number; a negative one is a time already past. */
export const amount = primitive<number>('a number', (value) => typeof value === 'number' && Number.isFinite(value))

/** One of the given values. */
export const oneOf = <const T extends readonly (string | number | true)[]>(...values: T): Shape<T[number]> =>
  primitive(values.map((value) => JSON.stringify(value)).join(' or '), (value) => values.includes(value as T[number]))

/** An array whose items all have the given shape. */
export const list =
  <T>(item: Shape<T>): Shape<T[]> =>
  (value, path) => {
    if (!Array.isArray(value)) throw new ShapeError(path, 'an array')
    return value.map((entry, index) => item(entry, `${path}[${index}]`))
  }

/** An object whose values all have the given shape, whatever their names. */
export const record =
  <T>(item: Shape<T>): Shape<Record<string, T>> =>
  (value, path) =>
    Object.fromEntries(Object.entries(plain(value, path)).map(([name, entry]) => [name, item(entry, at(path, name))]))

type Shapes = Record<string, Shape<unknown>>
type Shaped<R extends Shapes, O extends Shapes> = { [K in keyof R]: ReturnType<R[K]> } & {
  [K in keyof O]?: ReturnType<O[K]>
}

/** An object with exactly these fields: a missing required one and an unknown one are both refused. */
export const object =
  <R extends Shapes, O extends Shapes = Record<never, never>>(required: R, optional?: O): Shape<Shaped<R, O>> =>
  (value, path) => {
    const fields = plain(value, path)
    const shapes: Shapes = { ...optional, ...required }
    for (const name of Object.keys(required)) {
      if (fields[name] === undefined) throw new ShapeError(at(path, name), 'present')
    }
    return Object.fromEntries(
      Object.entries(fields).map(([name, entry]) => {
        const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined
        if (shape === undefined) throw new ShapeError(at(path, name), 'absent: no such field is known')
        return [name, shape(entry, at(path, name))]
      }),
    ) as Shaped<R, O>
  }

const at = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)

const plain = (value: unknown, path: string): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ShapeError(path, 'an object')
  return value as Record<string, unknown>
}
