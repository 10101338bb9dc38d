/**
 * Doing something and hearing of it. The rule: while an action runs its button is off, so nothing happens twice; when it
 * fails the reason stands beside what was pressed until it is tried again.
 */
import { type ReactElement, type ReactNode, useState } from 'react'
import { asBrokerError, type BrokerError } from '../../main/contract/errors.ts'
import { errorSentence } from '../terms.ts'
import { Icon, type IconName } from './icons.tsx'
import { LongText, Name } from './words.tsx'

export interface Action {
  readonly pending: boolean
  readonly error: BrokerError | undefined
  run(task: () => Promise<void>): void
  clear(): void
}

export function useAction(): Action {
  const [state, setState] = useState<{ readonly pending: boolean; readonly error: BrokerError | undefined }>({
    pending: false,
    error: undefined,
  })
  return {
    ...state,
    run(task) {
      setState({ pending: true, error: undefined })
      task().then(
        () => {
          setState({ pending: false, error: undefined })
        },
        (thrown: unknown) => {
          setState({ pending: false, error: asBrokerError(thrown) })
        },
      )
    },
    clear() {
      setState({ pending: false, error: undefined })
    },
  }
}

/** A refusal in words, with what to do where somebody knows. */
export function Problem({ error }: { readonly error: BrokerError | undefined }): ReactElement {
  return (
    <div aria-live="polite" className="problem-slot">
      {error && (
        <div className="note note-bad">
          <Icon name="warning" />
          <div>
            <strong>{errorSentence(error.code)}</strong> <LongText of={error.message} />
            {error.resolve?.command !== undefined && (
              <div>
                <code>
                  <Name of={error.resolve.command} />
                </code>
              </div>
            )}
          </div>
        </div>
      )}
    </div>
  )
}

interface ButtonProps {
  readonly children: ReactNode
  readonly onPress: () => void
  readonly tone?: 'primary' | 'danger' | 'plain' | 'quiet'
  readonly icon?: IconName
  readonly disabled?: boolean
  readonly describedBy?: string
}

/** Never a form's default button. */
export function Button({
  children,
  onPress,
  tone = 'plain',
  icon,
  disabled = false,
  describedBy,
}: ButtonProps): ReactElement {
  return (
    <button
      type="button"
      className={`button ${tone}`}
      disabled={disabled}
      aria-describedby={describedBy}
      onClick={onPress}
    >
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  )
}

type NoteTone = 'good' | 'warning' | 'bad' | 'info'

export function Note({
  tone,
  children,
  onClose,
  closeLabel,
}: {
  readonly tone: NoteTone
  readonly children: ReactNode
  readonly onClose?: () => void
  readonly closeLabel?: string
}): ReactElement {
  return (
    <div className={`note note-${tone}`}>
      <Icon name={tone === 'good' ? 'check' : tone === 'info' ? 'info' : 'warning'} />
      <div className="note-body">{children}</div>
      {onClose && (
        <button type="button" className="button quiet" onClick={onClose}>
          <span>{closeLabel}</span>
        </button>
      )}
    </div>
  )
}
