/** CloudFormation's intrinsic functions and conditions, as far as a compiled serverless.yml uses them. */
import type { Resource, Template } from './compile.ts'

/** What a resource is called once it exists: its `Ref` and its `Fn::GetAtt` attributes. */
export type Physical = { ref: string; attributes: Record<string, string> }

export type Context = {
  template: Template
  region: string
  account: string
  stackName: string
  /** Looks a resource up by its logical id; undefined when this emulation gives it no name. */
  physical: (logicalId: string, resource: Resource) => Physical | undefined
}

const NO_VALUE = Symbol('AWS::NoValue')

/**
 * The value with its intrinsic functions evaluated. Throws on a function, pseudo parameter, resource or attribute that
 * it does not know, so that nothing is wired up with a wrong name.
 */
export function resolve(value: unknown, context: Context): unknown {
  const result = evaluate(value, context)
  return result === NO_VALUE ? undefined : result
}

/** Whether a resource is created: its condition, if it has one, holds. */
export function exists(resource: Resource, context: Context): boolean {
  return resource.Condition === undefined || condition({ Condition: resource.Condition }, context)
}

function evaluate(value: unknown, context: Context): unknown {
  if (Array.isArray(value)) return value.map((item) => evaluate(item, context)).filter((item) => item !== NO_VALUE)
  if (typeof value !== 'object' || value === null) return value
  const [name = '', ...others] = Object.keys(value)
  const argument = (value as Record<string, unknown>)[name]
  if (others.length === 0 && (name === 'Ref' || name.startsWith('Fn::'))) return call(name, argument, context)
  const entries = Object.entries(value).map(([key, item]) => [key, evaluate(item, context)] as const)
  return Object.fromEntries(entries.filter(([, item]) => item !== NO_VALUE))
}

function call(name: string, argument: unknown, context: Context): unknown {
  const list = () => argument as unknown[]
  const text = (item: unknown) => String(evaluate(item, context))
  switch (name) {
    case 'Ref':
      return ref(String(argument), context)
    case 'Fn::GetAtt': {
      const [id = '', ...attribute] = Array.isArray(argument) ? argument.map(text) : String(argument).split('.')
      return attributeOf(id, attribute.join('.'), context)
    }
    case 'Fn::Join':
      return (evaluate(list()[1], context) as unknown[]).join(String(list()[0]))
    case 'Fn::Split':
      return text(list()[1]).split(String(list()[0]))
    case 'Fn::Select': {
      const item = (evaluate(list()[1], context) as unknown[])[Number(text(list()[0]))]
      if (item === undefined) throw new Error(`Fn::Select: no element ${text(list()[0])}`)
      return item
    }
    case 'Fn::If':
      return evaluate(list()[condition({ Condition: list()[0] }, context) ? 1 : 2], context)
    case 'Fn::Sub':
      return Array.isArray(argument)
        ? substitute(String(argument[0]), argument[1] as Record<string, unknown>, context)
        : substitute(String(argument), {}, context)
    default:
      throw new Error(`${name} is not supported`)
  }
}

function substitute(text: string, variables: Record<string, unknown>, context: Context): string {
  return text.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
    if (literal) return `\${${name}}`
    if (Object.hasOwn(variables, name)) return String(evaluate(variables[name], context))
    const [id = '', ...attribute] = name.split('.')
    return String(attribute.length > 0 ? attributeOf(id, attribute.join('.'), context) : ref(id, context))
  })
}

function ref(name: string, context: Context): unknown {
  const pseudo: Record<string, unknown> = {
    'AWS::Region': context.region,
    'AWS::AccountId': context.account,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': context.stackName,
    'AWS::NoValue': NO_VALUE,
  }
  if (Object.hasOwn(pseudo, name)) return pseudo[name]
  const parameter = context.template.Parameters?.[name]
  if (parameter && parameter.Default !== undefined) return parameter.Default
  return physicalOf(name, context).ref
}

function attributeOf(id: string, attribute: string, context: Context): string {
  const value = physicalOf(id, context).attributes[attribute]
  if (value === undefined) throw new Error(`${id}.${attribute} is not known here`)
  return value
}

function physicalOf(id: string, context: Context): Physical {
  const resource = context.template.Resources[id]
  const physical = resource && context.physical(id, resource)
  if (!physical) throw new Error(`${id}${resource ? ` (${resource.Type})` : ''} is not known here`)
  return physical
}

function condition(value: unknown, context: Context): boolean {
  const [[name, argument] = ['', undefined]] = Object.entries(value as object) as [string, unknown][]
  const all = () => (argument as unknown[]).map((item) => condition(item, context))
  if (name === 'Condition') {
    const definition = context.template.Conditions?.[String(argument)]
    if (definition === undefined) throw new Error(`no condition ${argument}`)
    return condition(definition, context)
  }
  if (name === 'Fn::Not') return !all()[0]
  if (name === 'Fn::And') return all().every(Boolean)
  if (name === 'Fn::Or') return all().some(Boolean)
  if (name !== 'Fn::Equals') throw new Error(`${name} is not supported in a condition`)
  const [left, right] = (argument as unknown[]).map((item) => String(evaluate(item, context)))
  return left === right
}
