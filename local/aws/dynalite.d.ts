declare module 'dynalite' {
  import type { Server } from 'node:http'

  /** How long a table is in each state, milliseconds. */
  type Options = { createTableMs?: number; deleteTableMs?: number; updateTableMs?: number }
  export default function dynalite(options?: Options): Server
}
