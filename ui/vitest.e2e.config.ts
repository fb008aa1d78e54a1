import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/e2e/**/*.test.ts'],
    environment: 'node',
    // Generous, for machines that are busy: nothing here waits for a time to pass.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    // One browser at a time: these tests measure nothing, but they share the machine's cores.
    fileParallelism: false,
  },
})
