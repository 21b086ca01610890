/** What a simulation counts for each function. */
export const NO_COUNTS = {
  invocations: 0,
  gbSeconds: 0,
  sqsRequests: 0,
  eventsPut: 0,
  secretsRequests: 0,
  /** Request units of the ledger. */
  tableReads: 0,
  tableWrites: 0,
  logBytes: 0,
  vendorCalls: 0,
  refusedCalls: 0,
  deferrals: 0,
}

export type Counts = typeof NO_COUNTS
