import { defineConfig } from 'vitest/config'

/** The system the window is built for; the app's build names it, else it is this machine. */
const platform = process.env['TAURI_ENV_PLATFORM'] ?? (process.platform === 'win32' ? 'windows' : process.platform)

const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "connect-src 'self' ws: wss:",
  "img-src 'self' blob: data:",
  "style-src 'self' 'unsafe-inline'",
].join('; ')

export default defineConfig(({ mode }) => ({
  base: './',
  // simple-peer's streams want Node's event emitter; the package of that name is its twin for pages.
  resolve: { alias: { events: 'events/' } },
  define: {
    // Code for one system only is left out everywhere else.
    'import.meta.env.TAURI_ENV_PLATFORM': JSON.stringify(platform),
  },
  build: {
    target: ['es2022', 'chrome111', 'safari16'],
    outDir: mode === 'e2e' ? 'dist-e2e' : 'dist',
    modulePreload: { polyfill: false },
    rollupOptions: mode === 'e2e' ? { input: ['index.html', 'tests/e2e/swarm.html'] } : {},
  },
  // As strict as the app's window, so that what passes here passes there.
  preview: { headers: { 'Content-Security-Policy': CONTENT_SECURITY_POLICY } },
  test: {
    include: ['src/**/*.test.{ts,tsx}', 'tests/types/**/*.test.ts'],
    // Tests of components ask for a document themselves.
    environment: 'node',
    // Roles and names are slow to find while other work has the cores; a hang still ends.
    testTimeout: 60_000,
  },
  // The examples and bounds of the protocol are read from the crate that owns them.
  server: { fs: { allow: ['..'] } },
}))
