/**
 * How fresh an account's access token is. The rule: a native `<meter>` for the eye and the same in words for everybody;
 * the mark on it is where the renewal is due, and without a token there is the same room with other words in it.
 */
import type { ReactElement } from 'react'
import type { Account } from '../../main/contract/model.ts'
import { type Lifetime, lifetimeOf, spanWords } from '../lifetime.ts'
import { partsOf, text } from '../text.ts'

interface Props {
  readonly account: Account
  readonly now: number
  /** In a row, whose words are read out as the row's: there the bar itself is only for the eye. */
  readonly inRow?: boolean
}

export function LifetimeBar({ account, now, inRow = false }: Props): ReactElement {
  const lifetime = lifetimeOf(account, now)
  const { words, afterwards } = lifetimeWords(lifetime, account)
  const part = lifetime.kind === 'running' ? lifetime.part : lifetime.kind === 'endless' ? 1 : 0
  const due = lifetime.kind === 'running' ? lifetime.renewal?.part : undefined
  return (
    <span className="lifetime" data-kind={lifetime.kind}>
      <span className="lifetime-bar">
        <meter
          min={0}
          max={1}
          low={due ?? 0.1}
          optimum={1}
          value={part}
          {...(inRow
            ? { 'aria-hidden': true }
            : {
                'aria-label': text.lifetime.label,
                'aria-valuetext': afterwards === undefined ? words : `${words}, ${afterwards}`,
              })}
        />
        {due !== undefined && due > 0 && due < 1 && (
          <svg className="lifetime-due" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
            <line x1={due * 100} x2={due * 100} y1="0" y2="1" />
          </svg>
        )}
      </span>
      <span className="lifetime-words">
        {words}
        {afterwards !== undefined && <span className="lifetime-then">, {afterwards}</span>}
      </span>
    </span>
  )
}

/** What the bar shows, in words, and what comes then. */
export function lifetimeWords(
  lifetime: Lifetime,
  { state, renewable }: Pick<Account, 'state' | 'renewable'>,
): { readonly words: string; readonly afterwards?: string } {
  const canRenew = renewable && state !== 'needs-sign-in' && state !== 'misconfigured'
  switch (lifetime.kind) {
    case 'hidden':
      return { words: text.lifetime.hidden }
    case 'none':
      return canRenew
        ? { words: text.lifetime.none, afterwards: text.lifetime.noneThen }
        : { words: text.lifetime.none }
    case 'endless':
      return { words: text.lifetime.endless }
    case 'over':
      return {
        words: withSpan(text.lifetime.over, lifetime.ago),
        afterwards: canRenew ? text.lifetime.overThen : text.lifetime.ends,
      }
    case 'running': {
      const words = withSpan(text.lifetime.left, lifetime.left)
      if (!canRenew) return { words, afterwards: text.lifetime.ends }
      const { renewal } = lifetime
      if (!renewal) return { words }
      return {
        words,
        afterwards: renewal.in < 30 ? text.lifetime.renewsNow : withSpan(text.lifetime.renews, renewal.in),
      }
    }
  }
}

function withSpan(sentence: string, seconds: number): string {
  return partsOf(sentence)
    .map((part) => part.text ?? spanWords(seconds))
    .join('')
}
