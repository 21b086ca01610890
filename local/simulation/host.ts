/** What a simulated container has of the world: its clock, its variables, AWS and the vendors. */

export type VendorRequest = { method: string; url: string; headers: Record<string, string>; body: string }
export type VendorAnswer = { status: number; headers: Record<string, string>; text: string }

export type Host = {
  sleep(ms: number): Promise<void>
  vendor(request: VendorRequest, timeoutMs: number): Promise<VendorAnswer>
  aws(operation: string, input: object): Promise<Record<string, unknown>>
  /** The `Date` header of AWS's answers. */
  date(): string
}

/** The parameters of a container's code: its host, and what shadows the globals of these names. */
export const PARAMETERS = [
  'host',
  'module',
  'require',
  'Date',
  'Math',
  'process',
  'setTimeout',
  'clearTimeout',
  'AbortSignal',
] as const
