/** Before each test file: test files share a process, but no module state and no stand-ins. */
import { vi } from 'vitest'

for (const module of ['node:timers/promises', '@aws-sdk/client-dynamodb']) vi.doUnmock(module)
vi.resetModules()
