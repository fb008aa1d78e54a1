/** The window reads what the core writes: the same files are decoded by the core's tests. */
import { describe, expect, test } from 'vitest'
import limits from '../../../crates/protocol/src/limits.rs?raw'
import { decodeHostEvent } from './decode'
import * as bounds from './limits'

const events = import.meta.glob<unknown>('../../../crates/protocol/fixtures/host/*.json', {
  eager: true,
  import: 'default',
})

test('there are events to read', () => {
  expect(Object.keys(events).length).toBeGreaterThanOrEqual(3)
})

test.each(Object.entries(events))('%s is read and loses nothing', (_path, event) => {
  expect(decodeHostEvent(structuredClone(event))).toEqual(event)
})

describe('what does not fit is refused by name', () => {
  const [, view] = Object.entries(events).find(([path]) => path.endsWith('/view.json')) ?? []

  test.each(['me', 'swarm', 'lobby', 'files', 'selection', 'playback', 'transfers', 'log'])(
    'a view without %s',
    (field) => {
      expect(() => decodeHostEvent({ type: 'view', view: without(view, field) })).toThrow(`view.${field} is not`)
    },
  )

  test('an event of an unknown type', () => {
    expect(() => decodeHostEvent({ type: 'dance' })).toThrow('no event has the type "dance"')
    expect(() => decodeHostEvent(null)).toThrow('event is not a record')
  })
})

test.each(Object.entries(bounds))('%s is the core’s own', (name, value) => {
  expect(limits).toMatch(new RegExp(`pub const ${name}: \\w+ = ${value}(\\.0)?;`))
})

function without(event: unknown, field: string): object {
  if (typeof event !== 'object' || event === null || !('view' in event)) throw new Error('the fixture is no view')
  return { ...Object(event.view), [field]: undefined }
}
