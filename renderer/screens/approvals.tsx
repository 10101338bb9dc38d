/**
 * The questions that wait for the person: WHO asks, for WHAT, WHICH account, HOW LONG. The rule (R7): only a press on
 * Allow allows, and Allow cannot be pressed in the first second, is no form's default and has no shortcut.
 */
import { type ReactElement, useId, useState } from 'react'
import type { AccessRequest, Account, Duration } from '../../main/contract/model.ts'
import { asBrokerError, type BrokerError } from '../../main/contract/errors.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { navigate } from '../navigation.ts'
import { choicesFor, type Ending, mergeQuestions, type Shown, useArmed } from '../questions.ts'
import { useNow, useStore } from '../state.ts'
import { consequence, durations, durationWords, kindWords, questionTitle, rightWords } from '../terms.ts'
import { text } from '../text.ts'
import { Button, Problem } from '../ui/action.tsx'
import { Icon, Mark } from '../ui/icons.tsx'
import { When } from '../ui/time.tsx'
import { LongText, Name, plain, Scopes, Sentence } from '../ui/words.tsx'

interface Answer {
  readonly for: Duration
  readonly account: string | undefined
}

export function ApprovalsScreen({
  snapshot,
  live,
}: {
  readonly snapshot: Snapshot
  readonly live: boolean
}): ReactElement {
  const store = useStore()
  const now = useNow(1000)
  const [shown, setShown] = useState<readonly Shown[]>([])
  const [decided, setDecided] = useState<ReadonlyMap<string, Ending>>(new Map())
  const [busy, setBusy] = useState<string>()
  const [failed, setFailed] = useState<{ readonly id: string; readonly error: BrokerError }>()
  const merged = mergeQuestions(shown, snapshot.requests, decided, now)
  if (merged !== shown) setShown(merged)
  const armed = useArmed(merged.map(({ request, ended }) => `${request.id}${ended ?? ''}`).join(' '))

  const decide = async (request: AccessRequest, answer: Answer | undefined): Promise<void> => {
    setBusy(request.id)
    setFailed(undefined)
    try {
      if (answer)
        await store.call('approve', {
          id: request.id,
          ...(request.kind === 'access' && { for: answer.for, right: request.right }),
          ...(answer.account !== undefined && { account: answer.account }),
        })
      else await store.call('deny', { id: request.id })
      setDecided((before) => new Map(before).set(request.id, answer ? 'allowed' : 'denied'))
      if (answer && request.kind === 'sign-in' && request.account) navigate('accounts', request.account.id)
    } catch (thrown) {
      setFailed({ id: request.id, error: asBrokerError(thrown) })
    } finally {
      setBusy(undefined)
    }
  }

  return (
    <>
      <div className="head">
        <h1 tabIndex={-1}>{text.approvals.title}</h1>
      </div>
      {merged.length === 0 && (
        <div className="empty">
          <Icon name="question" />
          <p>{text.approvals.empty}</p>
          <p className="quiet-text">{text.approvals.emptyHint}</p>
        </div>
      )}
      <div className="questions">
        {merged.map(({ request, ended }) =>
          ended === undefined ? (
            <Question
              key={request.id}
              request={request}
              snapshot={snapshot}
              now={now}
              canAllow={armed && live && busy === undefined}
              why={live ? (armed ? undefined : text.approvals.arming) : text.approvals.lost}
              busy={busy === request.id}
              error={failed?.id === request.id ? failed.error : undefined}
              onDecide={(answer) => {
                void decide(request, answer)
              }}
            />
          ) : (
            <p key={request.id} className="ended card" aria-live="polite">
              <Icon name={ended === 'allowed' ? 'check' : 'info'} />
              <span>
                <Sentence of={text.approvals.ended[ended]} values={{ client: <Name of={request.client.name} /> }} />
              </span>
            </p>
          ),
        )}
      </div>
    </>
  )
}

interface QuestionProps {
  readonly request: AccessRequest
  readonly snapshot: Snapshot
  readonly now: number
  readonly canAllow: boolean
  readonly why: string | undefined
  readonly busy: boolean
  readonly error: BrokerError | undefined
  readonly onDecide: (answer: Answer | undefined) => void
}

function Question({ request, snapshot, now, canAllow, why, busy, error, onDecide }: QuestionProps): ReactElement {
  const id = useId()
  const [duration, setDuration] = useState<Duration>(snapshot.preferences.approval_duration)
  const choices = request.kind === 'access' && !request.account ? choicesFor(request, snapshot.accounts) : []
  const [chosen, setChosen] = useState('')
  const account = request.account
    ? undefined
    : choices.length === 1
      ? choices[0]?.id
      : choices.find((choice) => choice.id === chosen)?.id
  const missing = request.kind === 'access' && !request.account && account === undefined
  const client = snapshot.clients.find((other) => other.id === request.client.id)
  const reason = missing ? text.approvals.accountNeeded : why
  return (
    <article className="question card" aria-labelledby={`${id}-title`} data-request={request.id}>
      <h2 id={`${id}-title`}>
        <Sentence
          of={questionTitle(request.kind, request.account !== undefined)}
          values={{
            client: <Name of={request.client.name} />,
            provider: <Name of={request.account?.provider_name ?? ''} />,
          }}
        />
      </h2>
      {request.code !== undefined && (
        <div className="code-box">
          <span className="code-label">{text.approvals.code}</span>
          <strong className="code">{request.code}</strong>
          <span className="hint">{text.approvals.codeHint}</span>
        </div>
      )}
      <dl className="facts">
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
            {request.reason !== undefined && (
              <div className="reason">
                {text.approvals.reason} <LongText of={request.reason} />
              </div>
            )}
          </div>
        </dd>
        <dt>{text.approvals.what}</dt>
        <dd>
          {request.kind === 'access' && <strong>{rightWords(request.right).title} </strong>}
          {consequence(request.kind, request.right)}
        </dd>
        {request.kind !== 'pair' && <Which request={request} choices={choices} chosen={chosen} onChoose={setChosen} />}
      </dl>
      {request.kind === 'access' && <HowLong name={`${id}-for`} duration={duration} onChange={setDuration} />}
      {request.waiting > 1 && <p className="row-more">{text.approvals.waiting(request.waiting)}</p>}
      <Problem error={error} />
      <div className="actions decide">
        <span className="row-more">
          <Sentence of={text.approvals.expires} values={{ time: <When at={request.expires_at} now={now} /> }} />
        </span>
        <Button
          disabled={busy}
          onPress={() => {
            onDecide(undefined)
          }}
        >
          {text.approvals.deny}
        </Button>
        <Button
          tone="primary"
          disabled={!canAllow || missing}
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
      <p id={`${id}-why`} className="hint why">
        {reason}
      </p>
    </article>
  )
}

interface WhichProps {
  readonly request: AccessRequest
  readonly choices: readonly Account[]
  readonly chosen: string
  readonly onChoose: (id: string) => void
}

function Which({ request, choices, chosen, onChoose }: WhichProps): ReactElement {
  const id = useId()
  const only = choices.length === 1 ? choices[0] : undefined
  const label = request.account?.label ?? only?.label
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
            <span className="row-more">{text.approvals.may}</span>{' '}
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
    <fieldset className="choices">
      <legend>{text.approvals.how}</legend>
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
  )
}
