/** The songs of the swarm, and the way to add more. */
import { useMemo, useRef } from 'preact/hooks'
import { Button } from '../../elements/Button'
import { byteSize } from '../../i18n/format'
import { words } from '../../i18n/words'
import { slotsUsed } from '../../state/files'
import { useParty, useView } from '../../state/party'
import { FileRow } from './FileRow'
import { useReorder } from './reorder'
import styles from './Files.module.css'

export function Files() {
  const party = useParty()
  const { files, adding, settings, swarm } = useView()
  const list = useRef<HTMLUListElement>(null)
  const ids = useMemo(() => files.map(({ fileId }) => fileId), [files])
  const reorder = useReorder(list, ids, (fileId, to) => party.ask({ type: 'moveFile', fileId, to }))
  const used = slotsUsed(files, adding.length)
  const full = used >= settings.filesPerMember
  const empty = files.length === 0 && adding.length === 0
  return (
    <section class={styles['files']} aria-labelledby="music-title">
      <header class={styles['head']}>
        <div>
          <h2 id="music-title">{words().files.title}</h2>
          <p id="slots" class={styles['soft']}>
            {full ? words().files.full : words().files.slots(used, settings.filesPerMember)}
          </p>
        </div>
        {party.host.capabilities.addsFiles && (
          <Button
            look={empty ? 'lamp' : 'plain'}
            icon="add"
            disabled={full}
            describedBy="slots"
            onPress={() => void party.host.pickFiles()}
          >
            {words().files.add}
          </Button>
        )}
      </header>

      {empty && (
        <div class={styles['empty']}>
          <h3>{swarm?.isDirector ? words().files.emptyDirector : words().files.emptyGuest}</h3>
          <p>{swarm?.isDirector ? words().files.emptyDirectorHint : words().files.emptyGuestHint}</p>
        </div>
      )}

      <output class="visually-hidden">{reorder.said}</output>
      <ul class={styles['list']} ref={list}>
        {files.map((file, index) => (
          <FileRow key={file.fileId} file={file} index={index} count={files.length} reorder={reorder} />
        ))}
        {adding.map((file) => (
          <li key={`adding ${file.name}`} class={styles['adding']}>
            <p>{words().files.reading(file.name)}</p>
            <progress
              aria-label={words().files.reading(file.name)}
              max={Math.max(1, file.size)}
              value={file.doneBytes}
            />
            <p class={styles['soft']}>{words().player.of(byteSize(file.doneBytes), byteSize(file.size))}</p>
          </li>
        ))}
      </ul>
    </section>
  )
}
