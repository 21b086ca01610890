/** Before each test file: test files share a process, but no module state and no stand-in for the clock. */
import { vi } from 'vitest'

vi.doUnmock('node:timers/promises')
vi.resetModules()
