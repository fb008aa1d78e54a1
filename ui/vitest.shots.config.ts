import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/shots/**/*.test.ts'],
    environment: 'node',
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // As many pages as a small machine has cores; more would only wait for each other.
    maxConcurrency: 2,
  },
})
