/**
 * After `npm ci`: has `npm run` find the Node.js that npm installed, or ends with an error where there is none and the
 * system's is too old.
 *
 * npm 10 deletes `node_modules/.bin/node` together with the packages for other platforms, which name the same link.
 */
import { existsSync, linkSync, symlinkSync } from 'node:fs'
import { modules, NEEDED, ownNode } from '../cli/own-node.js'

const found = process.versions.node
if (existsSync(ownNode)) {
  const link = `${modules}.bin/node`
  if (!existsSync(link)) {
    if (process.platform === 'win32') linkSync(ownNode, `${link}.exe`)
    else symlinkSync(ownNode, link)
  }
} else if (Number.parseInt(found, 10) < NEEDED) {
  process.stderr.write(
    `subscription-offboarding: the scripts need Node.js ${NEEDED} or later, found ${found}. npm installs one on Linux and on ` +
      `Windows x64; if it did not, run "npm ci" again. Elsewhere install Node.js ${NEEDED} and put it first on the PATH.\n`,
  )
  process.exitCode = 1
}
