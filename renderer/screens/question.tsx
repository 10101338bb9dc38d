/**
 * One question: WHO asks, for WHAT, WHICH account, HOW LONG; the same in the list and in a window of its own. The rule
 * (R7): only a press on Allow allows, and Allow cannot be pressed in the first second, is no form's default and has no
 * shortcut.
 */
import { type ReactElement, useId, useState } from 'react'
import { type AccessRequest, type Duration, offeredRight } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { type Answer, choicesFor, type Ending, type Questions } from '../questions.ts'
import { consequence, questionTitle, rightWords } from '../terms.ts'
import { text } from '../text.ts'
import { Button, Note, Problem } from '../ui/action.tsx'
import { Icon } from '../ui/icons.tsx'
import { When } from '../ui/time.tsx'
import { Name, Sentence } from '../ui/words.tsx'
import { HowLong, Reading, scopesOf, Which, Who } from './question-facts.tsx'

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
  const [reads, setReads] = useState(offeredRight(request) === 'read')
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set())
  const account = request.account
    ? undefined
    : choices.length === 1
      ? choices[0]?.id
      : choices.find((choice) => choice.id === chosen)?.id
  const scopes = scopesOf(
    request,
    snapshot.accounts.find(({ id: known }) => known === (request.account?.id ?? account)),
  )
  const allowed = scopes.filter((scope) => !left.has(scope))
  const missing =
    request.kind === 'access' && !request.account && account === undefined
      ? text.approvals.accountNeeded
      : scopes.length > 0 && allowed.length === 0
        ? text.approvals.scopeNeeded
        : undefined
  const right = request.right === 'read' && reads ? 'read' : 'use'
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
      {request.namesake !== undefined && (
        <Note tone={request.namesake === 'key-changed' ? 'bad' : 'warning'}>
          <Sentence
            of={text.approvals.namesakes[request.namesake]}
            values={{ client: <Name of={request.client.name} /> }}
          />
        </Note>
      )}
      <dl className="facts">
        <Who request={request} snapshot={snapshot} now={now} />
        <dt>{text.approvals.what}</dt>
        <dd>
          <div className={request.kind === 'access' ? `band band-${right}` : 'band'}>
            {request.kind === 'access' && <strong>{rightWords(right).title} </strong>}
            {consequence(request.kind, right)}
          </div>
          {request.kind === 'access' && request.right !== offeredRight(request) && (
            <Reading reads={reads} onChange={setReads} />
          )}
        </dd>
        {request.kind !== 'pair' && (
          <Which
            {...{ request, snapshot, choices, chosen, scopes, left }}
            onChoose={setChosen}
            onLeave={(scope, leave) => {
              setLeft((before) => new Set(leave ? [...before, scope] : [...before].filter((one) => one !== scope)))
            }}
          />
        )}
        {request.kind === 'access' && <HowLong name={`${id}-for`} duration={duration} onChange={setDuration} />}
      </dl>
      {request.waiting > 1 && <p className="row-more">{text.approvals.waiting(request.waiting)}</p>}
      <div className="decide">
        <Problem error={failed?.id === request.id ? failed.error : undefined} />
        <div className="actions">
          <div className="decide-words row-more">
            <Sentence of={text.approvals.expires} values={{ time: <When at={request.expires_at} now={now} /> }} />
            <p id={`${id}-why`}>{missing ?? why}</p>
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
            disabled={!armed || !live || busy !== undefined || missing !== undefined}
            describedBy={`${id}-why`}
            onPress={() => {
              onDecide({ for: duration, account, right, scope: left.size === 0 ? undefined : allowed.join(' ') })
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
