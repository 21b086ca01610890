/** Conditions of policies: which items of the ledger a role reaches, and which events it may put on the bus. */

/** Limits a statement to items whose partition keys are like one of these. An index's partition key counts for a query of it. */
export const forKeys = (...patterns: string[]) => only('StringLike', { 'dynamodb:LeadingKeys': patterns })

/** Limits a statement to events with this source and one of these detail-types. */
export const forEvents = (source: string | string[], detailTypes: string | string[]) =>
  only('StringEquals', { 'events:source': source, 'events:detail-type': detailTypes })

/**
 * Demands that a request has each key and that all its values are among those given. `ForAllValues` alone is true for a request
 * without the key. The two together are right for a key with one value, as each entry of PutEvents has, and for one with several.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
 */
const only = (operator: 'StringEquals' | 'StringLike', keys: Record<string, string | string[]>) => ({
  [`ForAllValues:${operator}`]: keys,
  Null: Object.fromEntries(Object.keys(keys).map((key) => [key, 'false'])),
})
