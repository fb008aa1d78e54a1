/** The buttons that move the songs on every device. They stand in the same order in every language. */
import { IconButton, press } from '../../elements/Button'
import type { IconName } from '../../elements/Icon'
import { words } from '../../i18n/words'
import type { FileView } from '../../protocol/generated/FileView'
import type { Intent } from '../../protocol/generated/Intent'
import { useParty, useView } from '../../state/party'
import { isOnAir, mainAction, nextRepeat } from '../../state/transport'
import type { MainAction } from '../../state/transport'
import styles from './Transport.module.css'

interface TransportProps {
  readonly file: FileView | null
  /** The element that says why a guest cannot press these. */
  readonly reasonId: string
}

export function Transport({ file, reasonId }: TransportProps) {
  const party = useParty()
  const { playback, swarm, files } = useView()
  const guest = !(swarm?.isDirector ?? false)
  const describedBy = guest ? reasonId : undefined
  const onAir = isOnAir(playback.state)
  const action = mainAction(playback.state)
  const repeat = swarm?.repeat ?? 'off'
  const shuffled = swarm?.shuffled ?? false
  const button = (icon: IconName, label: string, asks: Intent, pressed?: boolean) => (
    <IconButton
      icon={icon}
      label={label}
      {...(pressed === undefined ? {} : { pressed })}
      disabled={guest || files.length === 0}
      describedBy={describedBy}
      onPress={() => party.ask(asks)}
    />
  )
  return (
    <div class={styles['buttons']} dir="ltr">
      {button('shuffle', words().player.shuffle, { type: 'setShuffle', on: !shuffled }, shuffled)}
      {button('back', words().player.back, { type: 'skipBack' })}
      <MainButton
        action={action}
        disabled={guest || file === null}
        describedBy={describedBy}
        onPress={() => party.ask(intentOf(action))}
      />
      {button('forward', words().player.forward, { type: 'skipForward' })}
      {button(
        repeat === 'one' ? 'repeatOne' : 'repeat',
        words().player.repeats[repeat],
        { type: 'setRepeatMode', mode: nextRepeat(repeat) },
        repeat !== 'off',
      )}
      {!guest && (
        <IconButton
          icon="stop"
          label={words().player.stop}
          // A device that cannot play the song itself still stops it on the others.
          disabled={!onAir && playback.state !== 'failed'}
          onPress={() => party.ask({ type: 'stop' })}
        />
      )}
    </div>
  )
}

function intentOf(action: MainAction): Intent {
  return action === 'play' ? { type: 'play', fileId: null, positionMs: 0 } : { type: action }
}

const SHAPES = {
  play: 'M8 5.6v12.8a1 1 0 0 0 1.53.85l10.2-6.4a1 1 0 0 0 0-1.7L9.53 4.75A1 1 0 0 0 8 5.6z',
  resume: 'M8 5.6v12.8a1 1 0 0 0 1.53.85l10.2-6.4a1 1 0 0 0 0-1.7L9.53 4.75A1 1 0 0 0 8 5.6z',
  pause:
    'M7.5 5h2A1.5 1.5 0 0 1 11 6.5v11A1.5 1.5 0 0 1 9.5 19h-2A1.5 1.5 0 0 1 6 17.5v-11A1.5 1.5 0 0 1 7.5 5zM14.5 5h2A1.5 1.5 0 0 1 18 6.5v11a1.5 1.5 0 0 1-1.5 1.5h-2a1.5 1.5 0 0 1-1.5-1.5v-11A1.5 1.5 0 0 1 14.5 5z',
} as const satisfies Record<MainAction, string>

function MainButton({
  action,
  disabled,
  describedBy,
  onPress,
}: {
  readonly action: MainAction
  readonly disabled: boolean
  readonly describedBy: string | undefined
  readonly onPress: () => void
}) {
  return (
    <button
      type="button"
      class={styles['main']}
      aria-label={words().player[action]}
      aria-describedby={describedBy}
      aria-disabled={disabled}
      onClick={(event) => press(event, disabled, onPress)}
    >
      <svg aria-hidden="true" viewBox="0 0 24 24" fill="currentColor">
        <path d={SHAPES[action]} />
      </svg>
    </button>
  )
}
