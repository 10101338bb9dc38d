/**
 * One question: WHO asks, for WHAT, WHICH account, HOW LONG; the same in the list and in a window of its own. The rule
 * (R7): only a press on Allow allows, and Allow cannot be pressed in the first second, is no form's default and has no
 * shortcut.
 */
import { type ReactElement, useId, useState } from 'react'
import type { AccessRequest, Account, Duration } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { type Answer, choicesFor, type Ending, type Questions } from '../questions.ts'
import { consequence, durations, durationWords, kindWords, questionTitle, rightWords } from '../terms.ts'
import { text } from '../text.ts'
import { Button, Problem } from '../ui/action.tsx'
import { Icon, Mark } from '../ui/icons.tsx'
import { When } from '../ui/time.tsx'
import { ExtensionId, LongText, Name, plain, Scopes, Sentence } from '../ui/words.tsx'

interface QuestionProps {
  readonly request: AccessRequest
  readonly snapshot: Snapshot
  readonly questions: Questions
  /** Whether the broker answers. */
  readonly live: boolean
  readonly onDecide: (answer: Answer | undefined) => void
  /** It is the whole page, so its title is the page's. */
  readonly alone?: boolean
}

export function Question({
  request,
  snapshot,
  questions: { now, armed, busy, failed },
  live,
  onDecide,
  alone = false,
}: QuestionProps): ReactElement {
  const id = useId()
  const Title = alone ? 'h1' : 'h2'
  const [duration, setDuration] = useState<Duration>(snapshot.preferences.approval_duration)
  const choices = request.kind === 'access' && !request.account ? choicesFor(request, snapshot.accounts) : []
  const [chosen, setChosen] = useState('')
  const account = request.account
    ? undefined
    : choices.length === 1
      ? choices[0]?.id
      : choices.find((choice) => choice.id === chosen)?.id
  const missing = request.kind === 'access' && !request.account && account === undefined
  const why = live ? (armed ? undefined : text.approvals.arming) : text.approvals.lost
  const isBusy = busy === request.id
  return (
    <article className="question card" aria-labelledby={`${id}-title`} data-request={request.id}>
      <Title id={`${id}-title`} {...(alone && { tabIndex: -1 })}>
        <Sentence
          of={questionTitle(request.kind, request.account !== undefined)}
          values={{
            client: <Name of={request.client.name} />,
            provider: <Name of={request.account?.provider_name ?? ''} />,
          }}
        />
      </Title>
      {request.code !== undefined && (
        <div className="code-box">
          <span className="code-label">{text.approvals.code}</span>
          <strong className="code">{request.code}</strong>
          <span className="hint">{text.approvals.codeHint}</span>
        </div>
      )}
      <dl className="facts">
        <Who request={request} snapshot={snapshot} now={now} />
        <dt>{text.approvals.what}</dt>
        <dd>
          <div className={request.kind === 'access' ? `band band-${request.right}` : 'band'}>
            {request.kind === 'access' && <strong>{rightWords(request.right).title} </strong>}
            {consequence(request.kind, request.right)}
          </div>
        </dd>
        {request.kind !== 'pair' && (
          <Which request={request} snapshot={snapshot} choices={choices} chosen={chosen} onChoose={setChosen} />
        )}
        {request.kind === 'access' && <HowLong name={`${id}-for`} duration={duration} onChange={setDuration} />}
      </dl>
      {request.waiting > 1 && <p className="row-more">{text.approvals.waiting(request.waiting)}</p>}
      <div className="decide">
        <Problem error={failed?.id === request.id ? failed.error : undefined} />
        <div className="actions">
          <div className="decide-words row-more">
            <Sentence of={text.approvals.expires} values={{ time: <When at={request.expires_at} now={now} /> }} />
            <p id={`${id}-why`}>{missing ? text.approvals.accountNeeded : why}</p>
          </div>
          <Button
            disabled={isBusy}
            onPress={() => {
              onDecide(undefined)
            }}
          >
            {text.approvals.deny}
          </Button>
          <Button
            tone="primary"
            disabled={!armed || !live || busy !== undefined || missing}
            describedBy={`${id}-why`}
            onPress={() => {
              onDecide({ for: duration, account })
            }}
          >
            {request.kind === 'pair'
              ? text.approvals.pair
              : request.kind === 'sign-in'
                ? text.approvals.signIn
                : text.approvals.allow}
          </Button>
        </div>
      </div>
    </article>
  )
}

/** What is left of a question when it is over. */
export function EndedQuestion({
  request,
  ended,
}: {
  readonly request: AccessRequest
  readonly ended: Ending
}): ReactElement {
  return (
    <p className="ended card" aria-live="polite">
      <Icon name={ended === 'allowed' ? 'check' : 'info'} />
      <span>
        <Sentence of={text.approvals.ended[ended]} values={{ client: <Name of={request.client.name} /> }} />
      </span>
    </p>
  )
}

function Who({
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

interface WhichProps {
  readonly request: AccessRequest
  readonly snapshot: Snapshot
  readonly choices: readonly Account[]
  readonly chosen: string
  readonly onChoose: (id: string) => void
}

function Which({ request, snapshot, choices, chosen, onChoose }: WhichProps): ReactElement {
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
            </div>
          )
        )}
        {request.kind === 'access' && (
          <div className="may">
            <span className="row-more">{has ? text.approvals.mayAlso : text.approvals.may}</span>{' '}
            {request.scope.trim() === '' ? text.approvals.allScopes : <Scopes of={request.scope} />}
          </div>
        )}
      </dd>
    </>
  )
}

function HowLong({
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
