/** After `npm ci`: ends with an error where `npm run` would find a Node.js older than the scripts need. */
const NEEDED = 24
const found = process.versions.node
if (Number.parseInt(found, 10) < NEEDED) {
  process.stderr.write(
    `subscription-offboarding: the scripts need Node.js ${NEEDED} or later, found ${found}. npm installs one on Linux and on ` +
      `Windows x64; if it did not, run "npm ci" again. Elsewhere install Node.js ${NEEDED} and put it first on the PATH.\n`,
  )
  process.exitCode = 1
}
