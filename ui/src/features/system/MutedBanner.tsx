/** Says that this device is silent while others play, why, and how it is heard again. */
import { Button } from '../../elements/Button'
import { words } from '../../i18n/words'
import type { Muted } from '../../protocol/generated/Muted'
import { useParty, useView } from '../../state/party'
import styles from './MutedBanner.module.css'

export function MutedBanner() {
  const party = useParty()
  const { output } = useView()
  if (output.muted === null) return null
  const { title, body, action } = textsOf(output.muted, output.name)
  return (
    <section class={styles['banner']} aria-labelledby="muted-title">
      <div class={styles['text']} role={output.muted === 'outputLost' ? 'alert' : undefined}>
        <h2 id="muted-title">{title}</h2>
        <p>{body}</p>
      </div>
      <Button look="lamp" onPress={() => party.ask({ type: 'setMuted', muted: false })}>
        {action}
      </Button>
    </section>
  )
}

interface Texts {
  readonly title: string
  readonly body: string
  readonly action: string
}

function textsOf(muted: Muted, outputName: string | null): Texts {
  const { mute } = words()
  switch (muted) {
    case 'byPerson':
      return { title: mute.mutedTitle, body: mute.mutedBody, action: mute.unmute }
    case 'outputLost': {
      const action = outputName === null ? mute.useSpeaker : mute.useOutput(outputName)
      return { title: mute.lostTitle, body: mute.lostBody, action }
    }
    default:
      return muted satisfies never
  }
}
