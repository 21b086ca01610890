/** Stands for `node:timers/promises` in a simulated container. */
import { hostOf } from './host.ts'

export const setTimeout = async <Value>(ms: number, value?: Value, _options?: object): Promise<Value | undefined> => {
  await hostOf(import.meta.url).sleep(ms)
  return value
}
