/**
 * One question as the whole of a small window. The rule (R7): the window shows this question and no other, Escape says no,
 * and when the question is over it says how and can only be closed.
 */
import { type ReactElement, type ReactNode, useEffect, useRef } from 'react'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { hrefOf } from '../navigation.ts'
import { useQuestions } from '../questions.ts'
import { text } from '../text.ts'
import { Button } from '../ui/action.tsx'
import { EndedQuestion, Question } from './question.tsx'

interface Props {
  readonly snapshot: Snapshot
  readonly id: string
  readonly live: boolean
}

export function PromptScreen({ snapshot, id, live }: Props): ReactElement {
  const questions = useQuestions(snapshot.requests.filter((request) => request.id === id))
  const { decide } = questions
  const [shown] = questions.shown
  const waiting = shown?.ended === undefined ? shown?.request : undefined
  useEffect(() => {
    const listener = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && waiting) void decide(waiting, undefined)
    }
    window.addEventListener('keydown', listener)
    return () => {
      window.removeEventListener('keydown', listener)
    }
  })
  return (
    <Page key={waiting ? 'asking' : 'over'}>
      {waiting ? (
        <Question
          alone
          request={waiting}
          snapshot={snapshot}
          questions={questions}
          live={live}
          onDecide={(answer) => {
            void decide(waiting, answer)
          }}
        />
      ) : (
        <div className="prompt-over">
          <h1 tabIndex={-1}>{text.approvals.over}</h1>
          {shown?.ended === undefined ? (
            <p className="quiet-text">{text.approvals.overSays}</p>
          ) : (
            <EndedQuestion request={shown.request} ended={shown.ended} />
          )}
          <p className="quiet-text">{text.approvals.closeHint}</p>
          <div className="actions">
            <Button
              tone="primary"
              onPress={() => {
                window.close()
              }}
            >
              {text.close}
            </Button>
            {snapshot.surface === 'console' && (
              <a className="button" href={hrefOf('approvals')}>
                <span>{text.approvals.openMain}</span>
              </a>
            )}
          </div>
        </div>
      )}
    </Page>
  )
}

/** Puts the focus on its title when it appears, where no key does anything. */
function Page({ children }: { readonly children: ReactNode }): ReactElement {
  const page = useRef<HTMLDivElement>(null)
  useEffect(() => {
    page.current?.querySelector('h1')?.focus()
  }, [])
  return (
    <div className="prompt" ref={page}>
      {children}
    </div>
  )
}
