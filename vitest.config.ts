/** The suites: `npm test` runs quick and whole, `npm run test:quick` quick alone, `npm run test:long` long. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { defineConfig } from 'vitest/config'

// Processes that tests start find their modules compiled.
process.env.NODE_COMPILE_CACHE ??= path.resolve('node_modules/.cache/compiled')

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))

const ALL = 'test/**/*.test.ts'
/** What takes more than two seconds of computing: simulations, property runs, whole stacks, osls. */
const LONG = 'test/**/*.long.test.ts'
/** What runs with more in the suite `long`. */
const SIZED = ['test/functions/user-token-renewal.test.ts']
/** What starts a process, a container or the local stack, or takes many seconds: not for the inner loop. */
const WHOLE = [
  'test/cli/**/*.test.ts',
  'test/infra/{callbacks,compile,kept,ledger,notifications,observability,people-index,roles,template}.test.ts',
  'test/scripts/*.test.ts',
  'test/docs/{asyncapi,deployer-policy,docs,openapi}.test.ts',
  'test/functions/{contract,offboarding-resolution,offboardings,redaction,user-token-renewal}.test.ts',
  'test/lib/handlers/queue.test.ts',
  'test/lib/tokens/user-token.test.ts',
  'test/lib/vendor/codes.test.ts',
  'test/local/*.test.ts',
  'test/local/aws/{lambda,secrets-manager}.test.ts',
  'test/local/sandbox/limits.test.ts',
]

declare module 'vitest' {
  interface ProvidedContext {
    size: { users: number; due: number }
  }
}

export default defineConfig({
  // As scripts/build.ts does.
  define: { PACKAGE_VERSION: JSON.stringify(version) },
  test: {
    // No bound on the work, which a loaded machine takes many times longer for; it ends what hangs.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // Vitest leaves one processor idle otherwise, which is half of a small machine.
    maxWorkers: '100%',
    setupFiles: ['test/fresh-modules.ts'],
    // The bundles are loaded as they are deployed. What takes long to load and has no state is loaded once by each process.
    server: { deps: { external: [/\/dist\//, /\/infra\/service\.ts$/, /\/test\/container\.ts$/] } },
    // Without isolation, files share a process: a new one with all imports takes a second for each of them.
    projects: [
      { extends: true, test: { name: 'quick', isolate: false, include: [ALL], exclude: [LONG, ...WHOLE] } },
      {
        extends: true,
        test: {
          name: 'whole',
          isolate: false,
          globalSetup: 'test/compiled-template.ts',
          include: WHOLE,
          exclude: [LONG],
          provide: { size: { users: 300, due: 60 } },
        },
      },
      {
        extends: true,
        test: {
          name: 'long',
          include: [LONG, ...SIZED],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          provide: { size: { users: 10_000, due: 300 } },
        },
      },
    ],
  },
})
