// @vitest-environment node
/** Every example of the protocol fits the generated types, as the compiler sees it. */
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const ui = join(import.meta.dirname, '../..')
const fixtures = join(ui, '../crates/protocol/fixtures')
const types = { client: 'ClientMessage', server: 'ServerMessage', host: 'HostEvent', intent: 'Intent' }

test('every example fits its type', { timeout: 60_000 }, async () => {
  expect((await readdir(fixtures)).toSorted()).toEqual(Object.keys(types).toSorted())
  expect(await faultsOf('good', (json) => json)).toBe('')
})

test('the compiler would notice a renamed field', { timeout: 60_000 }, async () => {
  const faults = await faultsOf('bad', (json) => json.replace('"fileId"', '"fileID"'))
  expect(faults).toContain('fileId')
})

/** What the compiler says about all examples, each changed by `change`. */
async function faultsOf(name: string, change: (json: string) => string): Promise<string> {
  const folder = join(ui, 'node_modules/.cache/fixtures', name)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  for (const [kind, type] of Object.entries(types)) {
    const files = await readdir(join(fixtures, kind))
    const examples = await Promise.all(files.map((file) => readFile(join(fixtures, kind, file), 'utf8')))
    const generated = join(ui, 'src/protocol/generated', type)
    const lines = examples.map((json) => `  ${change(json).trim()},`)
    await writeFile(
      join(folder, `${kind}.ts`),
      `import type { ${type} } from ${JSON.stringify(generated)}\nexport const examples: ${type}[] = [\n${lines.join('\n')}\n]\n`,
    )
  }
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: join(ui, 'tsconfig.json'), compilerOptions: { types: [] }, include: ['.'] }),
  )
  const compiler = join(ui, 'node_modules/typescript/bin/tsc')
  const run = promisify(execFile)(process.execPath, [compiler, '-p', folder])
  return run.then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? String(error),
  )
}
