/**
 * The facts of a question, each with what the person may change about it: who asks, with which account and how much of it,
 * for how long. The rule: every change makes a yes smaller, or is a choice with its consequence beside it.
 */
import { type ReactElement, useId } from 'react'
import type { AccessRequest, Account, Duration } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { durations, durationWords, kindWords } from '../terms.ts'
import { text } from '../text.ts'
import { Mark } from '../ui/icons.tsx'
import { When } from '../ui/time.tsx'
import { ExtensionId, LongText, Name, Scopes, Sentence, plain } from '../ui/words.tsx'

export function Who({
  request,
  snapshot,
  now,
}: {
  readonly request: AccessRequest
  readonly snapshot: Snapshot
  readonly now: number
}): ReactElement {
  const client = snapshot.clients.find((other) => other.id === request.client.id)
  const origin = request.client.origin ?? client?.origin
  return (
    <>
      <dt>{text.approvals.who}</dt>
      <dd className="who">
        <Mark of={request.client.name} round />
        <div>
          <LongText of={request.client.name} />
          <div className="row-more">
            {kindWords(request.client.kind)}.{' '}
            {client ? (
              <Sentence of={text.approvals.paired} values={{ time: <When at={client.paired_at} now={now} /> }} />
            ) : (
              text.approvals.unverified
            )}
          </div>
          {origin !== undefined && (
            <div className="row-more">
              <Sentence of={text.approvals.extension} values={{ id: <ExtensionId of={origin} /> }} />
            </div>
          )}
          <div className="row-more">
            <WhoHolds peer={request.peer} />
          </div>
          {request.peer?.says !== undefined && (
            <div className="row-more">
              {text.approvals.peerSays} <LongText of={request.peer.says} />
            </div>
          )}
          {request.reason !== undefined && (
            <div className="reason">
              {text.approvals.reason} <LongText of={request.reason} />
            </div>
          )}
        </div>
      </dd>
    </>
  )
}

/** The process behind the connection, and by whose word. */
function WhoHolds({ peer }: { readonly peer: AccessRequest['peer'] }): ReactElement {
  if (peer?.verified !== true) return <>{text.approvals.peerUnknown}</>
  return (
    <Sentence
      of={text.approvals.peer}
      values={{
        program: <LongText of={peer.executable ?? ''} />,
        pid: String(peer.pid ?? ''),
        uid: String(peer.uid ?? ''),
      }}
    />
  )
}

/** Reading is a choice of its own where it is not what a plain yes gives. */
export function Reading({
  reads,
  onChange,
}: {
  readonly reads: boolean
  readonly onChange: (reads: boolean) => void
}): ReactElement {
  const id = useId()
  return (
    <div className="reading">
      <label className="choice">
        <input
          type="checkbox"
          // oxlint-disable-next-line jsx-a11y/role-has-required-aria-props -- a native checkbox says by itself whether it is on
          role="switch"
          className="switch"
          checked={reads}
          aria-describedby={id}
          onChange={(event) => {
            onChange(event.target.checked)
          }}
        />
        <span>{text.approvals.alsoRead}</span>
      </label>
      <p id={id} className="hint">
        {text.approvals.alsoReadSays}
      </p>
    </div>
  )
}

/** More than so many are shown folded, and allowed or denied together. */
const MOST = 24

/** The scopes of an access question the person may leave out one by one: none where there is no choice. */
export function scopesOf(request: AccessRequest, account: Account | undefined): readonly string[] {
  const asked = request.scope.trim() === '' ? (account?.scope ?? '') : request.scope
  const scopes = [...new Set(asked.split(' ').filter((scope) => scope !== ''))]
  return request.kind === 'access' && scopes.length > 1 && scopes.length <= MOST ? scopes : []
}

interface WhichProps {
  readonly request: AccessRequest
  readonly snapshot: Snapshot
  readonly choices: readonly Account[]
  readonly chosen: string
  readonly onChoose: (id: string) => void
  readonly scopes: readonly string[]
  /** Those of `scopes` that are left out. */
  readonly left: ReadonlySet<string>
  readonly onLeave: (scope: string, leave: boolean) => void
}

export function Which({
  request,
  snapshot,
  choices,
  chosen,
  onChoose,
  scopes,
  left,
  onLeave,
}: WhichProps): ReactElement {
  const id = useId()
  const only = choices.length === 1 ? choices[0] : undefined
  const label = request.account?.label ?? only?.label
  const has = snapshot.grants.some(
    (grant) => grant.client_id === request.client.id && grant.account_id === (request.account ?? only)?.id,
  )
  return (
    <>
      <dt>{text.approvals.which}</dt>
      <dd>
        {label !== undefined ? (
          <LongText of={label} />
        ) : (
          choices.length > 1 && (
            <div className="field">
              <label htmlFor={id}>{text.approvals.account}</label>
              <select
                id={id}
                value={chosen}
                onChange={(event) => {
                  onChoose(event.target.value)
                }}
              >
                <option value="">{text.approvals.chooseAccount}</option>
                {choices.map((choice) => (
                  <option key={choice.id} value={choice.id}>
                    {plain(choice.label)} ({plain(choice.provider_name)})
                  </option>
                ))}
              </select>
              <span className="hint">{text.approvals.remembered}</span>
            </div>
          )
        )}
        {request.kind === 'access' && (
          <div className="may">
            <span className="row-more">{has ? text.approvals.mayAlso : text.approvals.may}</span>{' '}
            {scopes.length > 0 ? (
              <fieldset className="scope-choices" aria-label={text.approvals.scopes}>
                {scopes.map((scope) => (
                  <label key={scope} className="choice">
                    <input
                      type="checkbox"
                      checked={!left.has(scope)}
                      onChange={(event) => {
                        onLeave(scope, !event.target.checked)
                      }}
                    />
                    <code>
                      <Name of={scope} />
                    </code>
                  </label>
                ))}
              </fieldset>
            ) : request.scope.trim() === '' ? (
              text.approvals.allScopes
            ) : (
              <Scopes of={request.scope} />
            )}
          </div>
        )}
      </dd>
    </>
  )
}

export function HowLong({
  name,
  duration,
  onChange,
}: {
  readonly name: string
  readonly duration: Duration
  readonly onChange: (duration: Duration) => void
}): ReactElement {
  return (
    <>
      <dt id={`${name}-label`}>{text.approvals.how}</dt>
      <dd>
        <fieldset className="durations" aria-labelledby={`${name}-label`}>
          {durations.map((choice) => (
            <label key={choice} className="choice">
              <input
                type="radio"
                name={name}
                checked={duration === choice}
                onChange={() => {
                  onChange(choice)
                }}
              />
              <span>{durationWords(choice)}</span>
            </label>
          ))}
        </fieldset>
      </dd>
    </>
  )
}
