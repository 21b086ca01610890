/** What a simulated container has of the world: its clock, its variables, AWS and the vendors. */

export type VendorRequest = { method: string; url: string; headers: Record<string, string>; body: string }
export type VendorAnswer = { status: number; headers: Record<string, string>; text: string }
/** `AbortSignal.timeout` as far as lib/request.ts needs it. */
export type Aborting = { timeoutMs: number }

export type Host = {
  sleep(ms: number): Promise<void>
  vendor(request: VendorRequest, signal: Aborting): Promise<VendorAnswer>
  aws(operation: string, input: object): Promise<Record<string, unknown>>
  /** What shadows the globals of the same names. */
  globals: { Date: DateConstructor; AbortSignal: { timeout(ms: number): Aborting }; process: object }
}

/** The hosts by the address of the container's module, for code that is bundled into it. */
const shared = globalThis as { [key: symbol]: Map<string, Host> | undefined }
const KEY = Symbol.for('simulation hosts')
const hosts = shared[KEY] ?? new Map<string, Host>()
shared[KEY] = hosts

export const setHost = (moduleUrl: string, host: Host): void => void hosts.set(moduleUrl, host)

export function hostOf(moduleUrl: string): Host {
  const host = hosts.get(moduleUrl)
  if (!host) throw new Error(`no simulated container is at ${moduleUrl}`)
  return host
}

/** The first line of a container's bundle. */
export const BANNER =
  "const {Date,AbortSignal,process}=globalThis[Symbol.for('simulation hosts')].get(import.meta.url).globals;"
