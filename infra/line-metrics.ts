/** Metrics made from audit lines, where an alarm or the dashboard needs one that AWS does not have. */
import {
  CALLBACKS,
  collect,
  idOf,
  namespaceOf,
  oslsId,
  RENEWAL,
  RESOLUTION,
  type Resource,
  ref,
  type Settings,
} from './cloudformation.ts'

type LineMetric = { FilterPattern: string; MetricValue: string; Unit: string }

const counted = (FilterPattern: string): LineMetric => ({ FilterPattern, MetricValue: '1', Unit: 'Count' })

/** Of each operation. */
const OF_OPERATIONS: Record<string, LineMetric> = {
  // A bucket that waits for an operator, or has waited for an hour: announced once.
  Held: counted('{ $.message = "held" }'),
  VendorFaults: counted('{ ($.kind = "unavailable") || ($.kind = "timeout") || ($.kind = "protocol") }'),
  // Of what took one call, so that it is the vendor's time and not that of waits between tries.
  CallMs: { FilterPattern: '{ ($.attempts = 1) && ($.ms > 0) }', MetricValue: '$.ms', Unit: 'Milliseconds' },
}

/** Of every function that renews tokens: one metric, under the operation that those lines name. */
const UNSTORED = counted('{ $.message = "unstored" }')
export const TOKENS = 'user-token'

/** Of pushes, from the vendors or from anyone else. */
const REFUSED = counted('{ $.message = "refused" }')

/** The metric as an alarm names it. `operation` is the one that the lines name. */
export const lineMetric = (operation: string, MetricName: string, stage: string) => ({
  Namespace: namespaceOf(stage),
  MetricName,
  Dimensions: [{ Name: 'operation', Value: operation }],
})

/** The filters that make the metrics. */
export function lineFilters({ stage, operations, checked }: Settings): Record<string, Resource> {
  const filter = (key: string, MetricName: string, { FilterPattern, ...transformation }: LineMetric) => ({
    [`${idOf(key)}${MetricName}`]: {
      Type: 'AWS::Logs::MetricFilter',
      Properties: {
        LogGroupName: ref(`${oslsId(key)}LogGroup`),
        FilterPattern,
        MetricTransformations: [
          {
            MetricNamespace: namespaceOf(stage),
            MetricName,
            Dimensions: [{ Key: 'operation', Value: '$.operation' }],
            ...transformation,
          },
        ],
      },
    },
  })
  return {
    ...collect(operations, (operation) => collect(OF_OPERATIONS, (name, metric) => filter(operation, name, metric))),
    ...collect({ ...operations, [RENEWAL]: {}, [RESOLUTION]: {} }, (key) => filter(key, 'Unstored', UNSTORED)),
    ...(checked.vendorCallbacks && filter(CALLBACKS, 'Refused', REFUSED)),
  }
}
