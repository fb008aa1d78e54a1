/** What a person may set: name, songs shared, and which helpers outside the room are asked. */
import type { TargetedSubmitEvent } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from '../../elements/Button'
import { Field } from '../../elements/Field'
import { Sheet } from '../../elements/Sheet'
import { LANGUAGES, isLanguage } from '../../i18n/languages'
import { words } from '../../i18n/words'
import type { NetworkSettings } from '../../protocol/generated/NetworkSettings'
import { MAX_ALIAS, MAX_FILES_PER_MEMBER } from '../../protocol/limits'
import { readIceServers } from '../../state/ice'
import { useParty, useView } from '../../state/party'
import { HelpSheet } from '../help/HelpSheet'
import styles from './SettingsSheet.module.css'

export function SettingsSheet({ onClose }: { readonly onClose: () => void }) {
  const [helpOpen, setHelpOpen] = useState(false)
  return (
    <>
      <Sheet title={words().settings.title} closeLabel={words().settings.close} onClose={onClose}>
        <AliasForm />
        <LanguageField />
        <FilesForm />
        <NetworkForm />
        <Button onPress={() => setHelpOpen(true)}>{words().help.title}</Button>
      </Sheet>
      {helpOpen && <HelpSheet onClose={() => setHelpOpen(false)} />}
    </>
  )
}

function AliasForm() {
  const party = useParty()
  const { me } = useView()
  const [alias, setAlias] = useState<string>(me.alias)
  const typed = alias.trim()
  function save(event: TargetedSubmitEvent<HTMLFormElement>): void {
    event.preventDefault()
    if (typed !== '') party.ask({ type: 'setAlias', alias: typed })
  }
  return (
    <form class={styles['line']} onSubmit={save}>
      <Field label={words().settings.alias}>
        {(attributes) => (
          <input
            {...attributes}
            value={alias}
            maxLength={MAX_ALIAS}
            autocomplete="off"
            onInput={(event) => setAlias(event.currentTarget.value)}
          />
        )}
      </Field>
      <Button type="submit" disabled={typed === '' || typed === me.alias}>
        {words().settings.save}
      </Button>
    </form>
  )
}

function LanguageField() {
  const party = useParty()
  const [choice, setChoice] = useState(party.host.language.chosen())
  function change(value: string): void {
    const next = isLanguage(value) ? value : 'system'
    setChoice(next)
    party.speak(next)
  }
  return (
    <Field label={words().settings.language}>
      {(attributes) => (
        <select {...attributes} value={choice} onChange={(event) => change(event.currentTarget.value)}>
          <option value="system">{words().settings.systemLanguage}</option>
          {Object.entries(LANGUAGES).map(([language, { name }]) => (
            <option key={language} value={language} lang={language}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

function FilesForm() {
  const party = useParty()
  const { settings } = useView()
  function change(count: number): void {
    if (Number.isInteger(count) && count >= 1 && count <= MAX_FILES_PER_MEMBER)
      party.ask({ type: 'setFilesPerMember', count })
  }
  return (
    <Field label={words().settings.filesPerMember} hint={words().settings.filesHint(MAX_FILES_PER_MEMBER)}>
      {(attributes) => (
        <input
          {...attributes}
          type="number"
          inputMode="numeric"
          min={1}
          max={MAX_FILES_PER_MEMBER}
          value={settings.filesPerMember}
          onChange={(event) => change(event.currentTarget.valueAsNumber)}
        />
      )}
    </Field>
  )
}

function NetworkForm() {
  const party = useParty()
  const { network } = useView().settings
  const [servers, setServers] = useState(network.iceServers.join('\n'))
  const read = readIceServers(servers)
  const changed = read !== null && read.join('\n') !== network.iceServers.join('\n')
  const ask = (next: NetworkSettings): void => party.ask({ type: 'setNetwork', network: next })
  function save(event: TargetedSubmitEvent<HTMLFormElement>): void {
    event.preventDefault()
    if (read) ask({ ...network, iceServers: read })
  }
  return (
    <form onSubmit={save}>
      <fieldset class={styles['group']}>
        <legend>{words().settings.network}</legend>
        <div class={styles['check']}>
          <input
            id="public-trackers"
            type="checkbox"
            checked={network.publicTrackers}
            aria-describedby="public-trackers-note"
            onChange={(event) => ask({ ...network, publicTrackers: event.currentTarget.checked })}
          />
          <label for="public-trackers">{words().settings.publicTrackers}</label>
          <p id="public-trackers-note" class={styles['hint']}>
            {words().settings.publicTrackersHint}
          </p>
        </div>
        <Field
          label={words().settings.ice}
          hint={words().settings.iceHint}
          fault={read === null ? words().settings.iceBad : null}
        >
          {(attributes) => (
            <textarea
              {...attributes}
              rows={2}
              value={servers}
              placeholder="stun:stun.example.org:3478"
              autocapitalize="none"
              spellcheck={false}
              onInput={(event) => setServers(event.currentTarget.value)}
            />
          )}
        </Field>
        <Button type="submit" disabled={!changed}>
          {words().settings.save}
        </Button>
      </fieldset>
    </form>
  )
}
