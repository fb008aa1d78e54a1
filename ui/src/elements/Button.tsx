/** A button in one of the few looks there are. Icon-only ones must be given a label. */
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
      disabled={disabled ?? false}
      aria-describedby={describedBy}
      onClick={onPress}
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
      disabled={disabled ?? false}
      aria-pressed={pressed}
      aria-describedby={describedBy}
      onClick={onPress}
    >
      <Icon name={icon} />
    </button>
  )
}
