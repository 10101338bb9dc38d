/**
 * One setting: its words, its control, and what went wrong with it. The rule: a native control under every one, saved the
 * moment it is changed; the error stands with the setting and the control shows what is in force.
 */
import { type ReactElement, type ReactNode, useId } from 'react'
import type { BrokerError } from '../../main/contract/errors.ts'
import { LongText } from './words.tsx'

interface Common {
  readonly label: string
  readonly hint?: string
  readonly error: BrokerError | undefined
}

function Setting({
  id,
  label,
  hint,
  error,
  children,
}: Common & { readonly id: string; readonly children: ReactNode }): ReactElement {
  return (
    <div className="setting">
      <div className="setting-words">
        <label htmlFor={id}>{label}</label>
        {hint !== undefined && (
          <div id={`${id}-hint`} className="hint">
            {hint}
          </div>
        )}
        <div id={`${id}-error`} className="field-error" aria-live="polite">
          {error && <LongText of={error.message} />}
        </div>
      </div>
      {children}
    </div>
  )
}

const describedBy = (id: string, { hint, error }: Common): string | undefined =>
  [hint !== undefined && `${id}-hint`, error && `${id}-error`].filter((part) => typeof part === 'string').join(' ') ||
  undefined

export function Switch({
  checked,
  onChange,
  ...common
}: Common & { readonly checked: boolean; readonly onChange: (checked: boolean) => void }): ReactElement {
  const id = useId()
  return (
    <Setting id={id} {...common}>
      <input
        id={id}
        type="checkbox"
        // oxlint-disable-next-line jsx-a11y/role-has-required-aria-props -- a native checkbox says by itself whether it is on
        role="switch"
        className="switch"
        checked={checked}
        aria-describedby={describedBy(id, common)}
        onChange={(event) => {
          onChange(event.target.checked)
        }}
      />
    </Setting>
  )
}

export function Select<Value extends string>({
  value,
  choices,
  onChange,
  ...common
}: Common & {
  readonly value: Value
  readonly choices: readonly { readonly value: Value; readonly label: string }[]
  readonly onChange: (value: Value) => void
}): ReactElement {
  const id = useId()
  return (
    <Setting id={id} {...common}>
      <select
        id={id}
        value={value}
        aria-describedby={describedBy(id, common)}
        onChange={(event) => {
          const chosen = choices.find((choice) => choice.value === event.target.value)
          if (chosen) onChange(chosen.value)
        }}
      >
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </Setting>
  )
}
