/** Ways into the made-up parties: words for keys, invitations, parties of the past. */
import type { Intent } from '../protocol/generated/Intent'
import type { LobbyView } from '../protocol/generated/LobbyView'
import type { RecentPartyView } from '../protocol/generated/RecentPartyView'
import type { View } from '../protocol/generated/View'

export type AtTheDoor = Extract<Intent, { type: 'drawKey' | 'dismissInvite' | 'forgetParty' | 'revealKey' }>

const DRAWN = ['acid acorn acre cake dash elbow flint', 'gong halo iron jam kite lemon moss'] as const

/** Keys by the swarm they open. */
const KEYS = new Map([
  ['5'.repeat(64), 'aloe boxer cedar dial emu fifty grub'],
  ['c'.repeat(64), 'sunday breakfast'],
])

export function lobbyWithPast(): LobbyView {
  return {
    newKey: DRAWN[0],
    invitation: null,
    recent: [
      { swarm: '5'.repeat(64), name: 'Leo’s phone', relay: 'ws://192.0.2.31:8080/ws', key: null },
      { swarm: 'c'.repeat(64), name: 'Blue Otter', relay: null, key: null },
    ],
  }
}

/** The lobby after an intent that leads into no party yet. */
export function atTheDoor(lobby: LobbyView, intent: AtTheDoor): LobbyView {
  switch (intent.type) {
    case 'drawKey':
      return { ...lobby, newKey: lobby.newKey === DRAWN[0] ? DRAWN[1] : DRAWN[0] }
    case 'dismissInvite':
      return { ...lobby, invitation: null }
    case 'forgetParty':
      return { ...lobby, recent: lobby.recent.filter((party) => party.swarm !== intent.swarm) }
    case 'revealKey': {
      const shown = <T extends RecentPartyView | NonNullable<LobbyView['invitation']>>(party: T): T => ({
        ...party,
        key: party.swarm === intent.swarm ? keyOf(party.swarm) : null,
      })
      return { ...lobby, invitation: lobby.invitation && shown(lobby.invitation), recent: lobby.recent.map(shown) }
    }
    default:
      return intent satisfies never
  }
}

/** What a link says; null for one that says too little. */
export function invitationOf(link: string): NonNullable<LobbyView['invitation']> | null {
  const fields = new URLSearchParams(link.slice(link.indexOf('#') + 1))
  const [key, name] = [fields.get('k'), fields.get('n')]
  if (!key || !name || fields.get('v') !== '1') return null
  const swarm = hashOf(key.replaceAll('-', ' '))
  return { swarm, name, relays: fields.getAll('r').map((relay) => `ws://${relay}/ws`), key: null }
}

/** The link that leads into a party. */
export function linkTo(key: string, name: string, relay: string | null): string {
  const host = relay === null ? '' : `&r=${relay.replace(/^ws:\/\/|\/ws$/g, '')}`
  return `swarm://join#v=1&k=${encodeURIComponent(key.replaceAll(' ', '-'))}&n=${encodeURIComponent(name)}${host}`
}

/** The list of recent parties once the one that is shown is among them. */
export function withThisParty({ lobby, swarm }: View): LobbyView {
  if (!swarm) return lobby
  const party = { swarm: hashOf(swarm.key), name: swarm.name, relay: swarm.hosting ? null : swarm.relay, key: null }
  return { ...lobby, recent: [party, ...lobby.recent.filter((known) => known.swarm !== party.swarm)].slice(0, 8) }
}

export function keyOf(swarm: string): string {
  return KEYS.get(swarm) ?? ''
}

/** A name for the swarm, the same for the same key. It stands for a hash and is none. */
function hashOf(key: string): string {
  const known = [...KEYS].find(([, text]) => text === key)
  if (known) return known[0]
  const swarm = (KEYS.size + 1).toString(16).padStart(64, '0')
  KEYS.set(swarm, key)
  return swarm
}
