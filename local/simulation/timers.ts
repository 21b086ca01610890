/**
 * Stands for `node:timers` in a simulated container. Middy ends by it what takes too long, in the machine's time, which a
 * simulated second can take any of; the simulation ends an invocation itself.
 */
export const setTimeout = () => undefined
