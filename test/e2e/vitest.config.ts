import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/e2e/*.e2e.ts'],
    globalSetup: ['test/e2e/setup.ts'],
    // All files share one account and one pair of vendors.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
