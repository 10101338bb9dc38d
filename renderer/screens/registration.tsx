/** Clients beyond an id and a secret, in the wizard. The rule: what only a terminal can take is said with what to type there. */
import type { ReactElement } from 'react'
import type { ProviderSummary } from '../../main/contract/model.ts'
import { text } from '../text.ts'
import { Note } from '../ui/action.tsx'
import { plain, Sentence } from '../ui/words.tsx'

/** Whether the provider is to register a client (RFC 7591), where that may be; nothing elsewhere. */
export function Registration({
  provider,
  register,
  onChange,
}: {
  readonly provider: ProviderSummary
  readonly register: boolean
  readonly onChange: (register: boolean) => void
}): ReactElement | undefined {
  if (provider.client_fields?.key !== undefined) {
    const command = <code>{plain(`valetkey link ${provider.id} --client-id ID --client-key-file FILE`)}</code>
    return (
      <Note tone="info">
        <Sentence of={text.link.clientKey} values={{ command }} />
      </Note>
    )
  }
  if (!provider.registration) return undefined
  return (
    <label className="choice">
      <input
        type="checkbox"
        checked={register}
        onChange={(event) => {
          onChange(event.target.checked)
        }}
      />
      {text.link.register}
      <span className="hint">{text.link.registerHint}</span>
    </label>
  )
}
