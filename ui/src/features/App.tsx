/** The window: nothing yet, the way in, or the room. */
import type { Party } from '../state/party'
import { PartyContext } from '../state/party'
import { words } from '../i18n/words'
import { InvitationSheet } from './invite/InvitationSheet'
import { Join } from './join/Join'
import { LiveNews } from './log/LiveNews'
import { Room } from './room/Room'
import { Outside } from './system/Outside'

export function App({ party }: { readonly party: Party }) {
  const place = party.place.value
  return (
    <PartyContext.Provider value={party}>
      {place === 'nowhere' ? (
        <output class="visually-hidden">{words().starting}</output>
      ) : (
        <>
          {place === 'room' ? <Room /> : <Join />}
          <InvitationSheet />
          <LiveNews />
          <Outside />
        </>
      )}
    </PartyContext.Provider>
  )
}
