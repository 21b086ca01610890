/** Stands for `node:timers/promises` in a simulated container. */
import type { Host } from './host.ts'

declare const host: Host

export const setTimeout = async <Value>(ms: number, value?: Value, _options?: object): Promise<Value | undefined> => {
  await host.sleep(ms)
  return value
}
