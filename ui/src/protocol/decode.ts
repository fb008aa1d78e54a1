/**
 * The only place that takes a value from outside for one of the generated types.
 *
 * Events come from the core in the same package, so this guards against a mismatch of versions
 * and not against malice: kinds of the top fields, once, with a message that names the field.
 */
import type { HostEvent } from './generated/HostEvent'
import type { View } from './generated/View'

export class UnexpectedShape extends Error {
  override readonly name = 'UnexpectedShape'
}

/** Reads one event of the core. Throws `UnexpectedShape` naming what is missing. */
export function decodeHostEvent(value: unknown): HostEvent {
  const event = record(value, 'event')
  switch (event['type']) {
    case 'view':
      return { type: 'view', view: decodeView(event['view']) }
    case 'signal':
      if (typeof event['from'] !== 'string') throw new UnexpectedShape('signal.from is not text')
      return { type: 'signal', from: event['from'], data: event['data'] }
    default:
      throw new UnexpectedShape(`no event has the type ${JSON.stringify(event['type'])}`)
  }
}

type Kind = 'record' | 'list' | 'text or null' | 'record or null'

const VIEW = {
  me: 'record',
  swarm: 'record or null',
  lobby: 'record',
  nearby: 'list',
  files: 'list',
  adding: 'list',
  selection: 'text or null',
  playback: 'record',
  clock: 'record',
  output: 'record',
  outputs: 'list',
  settings: 'record',
  transfers: 'list',
  log: 'list',
  checks: 'list',
} as const satisfies Record<keyof View, Kind>

function decodeView(value: unknown): View {
  const view = record(value, 'view')
  for (const [field, kind] of Object.entries(VIEW)) {
    if (!isKind(view[field], kind)) throw new UnexpectedShape(`view.${field} is not a ${kind}`)
  }
  // The fields below these are what the same package's core writes by the same definitions.
  // oxlint-disable-next-line typescript/consistent-type-assertions
  return view as View
}

function isKind(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case 'record':
      return isRecord(value)
    case 'record or null':
      return value === null || isRecord(value)
    case 'text or null':
      return value === null || typeof value === 'string'
    case 'list':
      return Array.isArray(value)
    default:
      return kind satisfies never
  }
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (!isRecord(value)) throw new UnexpectedShape(`${name} is not a record`)
  return value
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
