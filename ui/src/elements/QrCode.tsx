/** A text as a QR code, dark on light in every theme: scanners read nothing else reliably. */
import { useMemo } from 'preact/hooks'
import { renderSVG } from 'uqr'
import styles from './QrCode.module.css'

/** The empty edge that the standard asks for. (modules, ISO/IEC 18004) */
const QUIET_ZONE = 4

export function QrCode({ text, label }: { readonly text: string; readonly label: string }) {
  const picture = useMemo(() => {
    const svg = renderSVG(text, { ecc: 'M', border: QUIET_ZONE })
    return `data:image/svg+xml,${encodeURIComponent(svg)}`
  }, [text])
  return <img class={styles['code']} src={picture} alt={label} />
}
