/** The Node.js that `npm ci` installs, where the registry has one for this platform. Runs on older versions too. */
import { fileURLToPath } from 'node:url'

/** The major version that all scripts need. */
export const NEEDED = 24

/** The installation's `node_modules/`, with its final slash. */
export const modules = fileURLToPath(new URL('../node_modules/', import.meta.url))

const [platform, exe] = process.platform === 'win32' ? ['win', '.exe'] : [process.platform, '']

/** Its binary: there only if npm installed it. */
export const ownNode = `${modules}node-${platform}-${process.arch}/bin/node${exe}`
