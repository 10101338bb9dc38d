/**
 * The questions that wait for the person, oldest first. The rule: what ends stays in its place with a word on how, so that
 * nothing moves under a hand.
 */
import type { ReactElement } from 'react'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { navigate } from '../navigation.ts'
import { useQuestions } from '../questions.ts'
import { text } from '../text.ts'
import { Icon } from '../ui/icons.tsx'
import { EndedQuestion, Question } from './question.tsx'

export function ApprovalsScreen({
  snapshot,
  live,
}: {
  readonly snapshot: Snapshot
  readonly live: boolean
}): ReactElement {
  const questions = useQuestions(snapshot.requests)
  return (
    <>
      <div className="head">
        <h1 tabIndex={-1}>{text.approvals.title}</h1>
      </div>
      {questions.shown.length === 0 && (
        <div className="empty">
          <Icon name="question" />
          <p>{text.approvals.empty}</p>
          <p className="quiet-text">{text.approvals.emptyHint}</p>
        </div>
      )}
      <div className="questions">
        {questions.shown.map(({ request, ended }) =>
          ended === undefined ? (
            <Question
              key={request.id}
              request={request}
              snapshot={snapshot}
              questions={questions}
              live={live}
              onDecide={(answer) => {
                void questions.decide(request, answer).then((done) => {
                  if (done && answer && request.kind === 'sign-in' && request.account)
                    navigate('accounts', request.account.id)
                })
              }}
            />
          ) : (
            <EndedQuestion key={request.id} request={request} ended={ended} />
          ),
        )}
      </div>
    </>
  )
}
