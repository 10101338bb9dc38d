/** Copying a text of ours. The rule: it says so, and where nothing may be copied the text itself can be taken. */
import { type ReactElement, useState } from 'react'
import { copyText } from '../clipboard.ts'
import { text } from '../text.ts'
import { Button } from './action.tsx'

export function CopyButton({
  value,
  label,
  onRefused,
}: {
  readonly value: string
  readonly label: string
  readonly onRefused?: () => void
}): ReactElement {
  const [copied, setCopied] = useState(false)
  return (
    <span className="copy">
      <Button
        onPress={() => {
          void (async () => {
            const worked = await copyText(value)
            setCopied(worked)
            if (!worked) onRefused?.()
          })()
        }}
      >
        {label}
      </Button>
      <span aria-live="polite" className="hint">
        {copied && text.copied}
      </span>
    </span>
  )
}

/** A line for a terminal, to read or to copy. */
export function CommandLine({ line }: { readonly line: string }): ReactElement {
  return (
    <div className="command-line">
      <code className="command">{line}</code>
      <CopyButton value={line} label={text.copy} />
    </div>
  )
}
