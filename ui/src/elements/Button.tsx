/**
 * A button in one of the few looks there are. Icon-only ones must be given a label.
 *
 * One that can do nothing now keeps the focus and can be reached, so that its reason can be heard.
 */
import type { ComponentChildren } from 'preact'
import { Icon } from './Icon'
import type { IconName } from './Icon'
import styles from './Button.module.css'

interface ButtonProps {
  readonly children: ComponentChildren
  readonly look?: 'lamp' | 'plain' | 'quiet'
  readonly icon?: IconName
  readonly type?: 'button' | 'submit'
  readonly disabled?: boolean
  readonly describedBy?: string
  readonly onPress?: () => void
}

export function Button({
  children,
  look = 'plain',
  icon,
  type = 'button',
  disabled,
  describedBy,
  onPress,
}: ButtonProps) {
  return (
    <button
      type={type}
      class={`${styles['button']} ${styles[look]}`}
      aria-disabled={disabled ?? false}
      aria-describedby={describedBy}
      onClick={(event) => press(event, disabled, onPress)}
    >
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  )
}

interface IconButtonProps {
  readonly icon: IconName
  readonly label: string
  readonly disabled?: boolean
  /** Whether it is on, for a button that switches. */
  readonly pressed?: boolean
  readonly describedBy?: string | undefined
  readonly onPress: () => void
}

export function IconButton({ icon, label, disabled, pressed, describedBy, onPress }: IconButtonProps) {
  return (
    <button
      type="button"
      class={styles['icon']}
      aria-label={label}
      title={label}
      aria-disabled={disabled ?? false}
      aria-pressed={pressed}
      aria-describedby={describedBy}
      onClick={(event) => press(event, disabled, onPress)}
    >
      <Icon name={icon} />
    </button>
  )
}

/** Does what the button is for, or keeps a form from being sent while it can do nothing. */
export function press(event: MouseEvent, disabled: boolean | undefined, onPress: (() => void) | undefined): void {
  if (disabled) event.preventDefault()
  else onPress?.()
}
