/** One labelled input. The rule: the hint and the error belong to the input by id, so they are read out with it. */
import { type ReactElement, type ReactNode, useId } from 'react'
import { text } from '../text.ts'
import { LongText } from './words.tsx'

interface FieldProps {
  readonly label: ReactNode
  readonly value: string
  readonly onChange: (value: string) => void
  readonly type?: 'text' | 'password' | 'search' | 'time'
  readonly hint?: ReactNode
  readonly error?: string | undefined
  readonly required?: boolean
  /** Says "optional" beside the label. */
  readonly optional?: boolean
  readonly code?: boolean
  /** The id of a list of suggestions. */
  readonly list?: string
  readonly disabled?: boolean
}

export function Field({
  label,
  value,
  onChange,
  type = 'text',
  hint,
  error,
  required = false,
  optional = false,
  code = false,
  list,
  disabled = false,
}: FieldProps): ReactElement {
  const id = useId()
  const described = [hint !== undefined && `${id}-hint`, error !== undefined && `${id}-error`].filter(Boolean).join(' ')
  return (
    <div className="field">
      <label htmlFor={id}>
        {label}
        {optional && <span className="optional"> {text.link.optional}</span>}
      </label>
      <input
        id={id}
        className={code ? 'code-input' : undefined}
        type={type}
        value={value}
        list={list}
        required={required}
        disabled={disabled}
        autoComplete="off"
        autoCapitalize="off"
        autoCorrect="off"
        spellCheck={false}
        aria-describedby={described === '' ? undefined : described}
        aria-invalid={error === undefined ? undefined : true}
        onChange={(event) => {
          onChange(event.target.value)
        }}
      />
      {hint !== undefined && (
        <div id={`${id}-hint`} className="hint">
          {hint}
        </div>
      )}
      <div id={`${id}-error`} className="field-error" aria-live="polite">
        {error !== undefined && <LongText of={error} />}
      </div>
    </div>
  )
}
