import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/shots/**/*.test.ts'],
    environment: 'node',
    testTimeout: 600_000,
    hookTimeout: 180_000,
    // As many pages as a small machine has cores; more would only wait for each other.
    maxConcurrency: 2,
  },
})
