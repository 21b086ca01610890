/** What documents, tests and an operator's commands need of an operation beyond its contract. No function reads it. */
import type { Text } from './error.ts'
import type { Input } from './schema.ts'

/** A part of an offboarding event's `detail`. */
export type EventPart = { [field: string]: unknown }

/** An option of `npx offboarding offboard`. */
export type EventOption = {
  /** Without `--`. */
  name: string
  /** What it takes, for `--help`; one that ends in `…` may be given more than once. */
  value: string
  help: string
  /** The part of the event that the value asks for; undefined when the value has not the form of `example`. */
  part: (value: string) => EventPart | undefined
  example?: string
}

export type OperationDocs<I extends Input = Input> = {
  /** What it does, in the imperative, without a full stop. */
  summary: Text
  /** A text for each field of the input that is not one of `SHARED_FIELDS`. */
  fields: { [field in keyof I]?: Text }
  /**
   * Inputs by what becomes of them in the sandbox's sample world, an outcome or a kind of error: `changed` is a whole one,
   * each of the others replaces some of its values.
   */
  samples: { changed: I } & { [becomes: string]: Partial<I> }
  event: {
    /** The part of an event that asks for the sample `changed` and for nothing else. */
    sample: EventPart
    /** A text for each of the operation's fields in the event, by its path: `feishu.files[].fileToken`. */
    fields: Record<string, string>
    options?: EventOption[]
  }
}

/** Fields of inputs that mean the same in every operation. */
export const SHARED_FIELDS: Record<string, Text> = {
  open_id: {
    en: 'The user who acts, and whose own token is used: open_id.',
    zh: '以其身份并使用其本人令牌的用户：open_id。',
  },
  tenant_key: {
    en: 'The tenant: store apps need it, self-built apps refuse it.',
    zh: '租户：商店应用必填，企业自建应用不得填写。',
  },
}
