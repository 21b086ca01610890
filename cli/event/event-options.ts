/** The options that stand for an event file, each with its part of the event. */
import { Option } from 'commander'
import { loadOperations } from '../../infra/operations.ts'
import { mergeParts } from '../../lib/event-part.ts'
import type { EventOption } from '../../lib/operation-docs.ts'
import { repeatable, UsageError } from '../command.ts'
import { assertNoWiki, newOffboardingId } from './event-detail.ts'

/** The one option for targets that belongs to no operation. */
const TENANT_KEY: EventOption = {
  name: 'tenant-key',
  value: 'KEY',
  help: 'the tenant, for store apps',
  part: (tenantKey) => ({ feishu: { tenantKey } }),
}

/** Those of the operations, and the tenant's. */
export const listEventOptions = async (): Promise<EventOption[]> => [
  ...(await loadOperations()).flatMap(({ docs }) => docs.event.options ?? []),
  TENANT_KEY,
]

const isRepeatable = ({ value }: EventOption): boolean => value.endsWith('…')

export function optionOf(option: EventOption): Option {
  const flags = `--${option.name} <${option.value.replace(' …', '').toLowerCase().replaceAll('_', '-')}>`
  return isRepeatable(option) ? repeatable(flags, `${option.help}; may be repeated`) : new Option(flags, option.help)
}

/** The event's detail that the options ask for. What is missing or wrong in it, the event's schema finds. */
export function detailOf(options: EventOption[], given: Record<string, unknown>): Record<string, unknown> {
  const parts = options.flatMap((option) =>
    [given[optionOf(option).attributeName()] ?? []].flat().map((text) => {
      assertNoWiki(String(text), option.name)
      const part = option.part(String(text))
      if (part) return part
      throw new UsageError(`--${option.name} must be ${option.value.replace(' …', '')}, as in ${option.example}`)
    }),
  )
  return mergeParts([{ offboardingId: given.id ?? newOffboardingId() }, ...parts])
}
