/** Before each test file: test files share a process, but no module state and no stand-ins. */
import { vi } from 'vitest'

vi.doUnmock('node:timers/promises')
vi.doUnmock('@aws-sdk/client-dynamodb')
vi.resetModules()
