/**
 * The questions on the screen. The rule: a question that ends stays in its place with a word on how it ended, so that
 * nothing moves under the hand that was about to press; it goes when the screen is left.
 */
import { useEffect, useState } from 'react'
import { asBrokerError, type BrokerError } from '../main/contract/errors.ts'
import type { AccessRequest, Account, Duration, Right } from '../main/contract/model.ts'
import { useNow, useStore } from './state.ts'

export type Ending = 'allowed' | 'denied' | 'expired' | 'elsewhere'

export interface Shown {
  readonly request: AccessRequest
  readonly ended?: Ending
}

/** Milliseconds between a question's appearing and the first moment it can be allowed. */
const ARMING = 1000

/**
 * What to show now that `pending` are waiting: what was shown, in its place, then what is new, oldest first. `decided`
 * tells how the person's own decisions went; `now` in seconds since the epoch. Answers `shown` itself when nothing
 * changed.
 */
export function mergeQuestions(
  shown: readonly Shown[],
  pending: readonly AccessRequest[],
  decided: ReadonlyMap<string, Ending>,
  now: number,
): readonly Shown[] {
  const waiting = new Map(pending.map((request) => [request.id, request]))
  const kept = shown.map((entry): Shown => {
    const request = waiting.get(entry.request.id)
    waiting.delete(entry.request.id)
    const ended = decided.get(entry.request.id)
    if (ended !== undefined) return entry.ended === ended ? entry : { request: entry.request, ended }
    if (request && request.expires_at > now)
      return entry.request === request && entry.ended === undefined ? entry : { request }
    if (entry.ended !== undefined) return entry
    return { request: entry.request, ended: entry.request.expires_at <= now ? 'expired' : 'elsewhere' }
  })
  const added = [...waiting.values()]
    .filter((request) => request.expires_at > now)
    .toSorted((a, b) => a.created_at - b.created_at)
  if (added.length === 0 && kept.every((entry, index) => entry === shown[index])) return shown
  return [...kept, ...added.map((request) => ({ request }))]
}

/** What the person says to a question. */
export interface Answer {
  readonly for: Duration
  /** Which account, where the question leaves it open. */
  readonly account: string | undefined
  readonly right: Right
  /** Less than was asked for; `undefined`: all of it. */
  readonly scope: string | undefined
}

export interface Questions {
  readonly shown: readonly Shown[]
  /** Seconds since the epoch. */
  readonly now: number
  /** Whether anything can be allowed yet. */
  readonly armed: boolean
  /** The question that is being decided. */
  readonly busy: string | undefined
  readonly failed: { readonly id: string; readonly error: BrokerError } | undefined
  /** `undefined` denies. Answers whether it was done. */
  readonly decide: (request: AccessRequest, answer: Answer | undefined) => Promise<boolean>
}

/** The questions of a screen that is shown while `pending` wait. */
export function useQuestions(pending: readonly AccessRequest[]): Questions {
  const store = useStore()
  const now = useNow(1000)
  const [shown, setShown] = useState<readonly Shown[]>([])
  const [decided, setDecided] = useState<ReadonlyMap<string, Ending>>(new Map())
  const [busy, setBusy] = useState<string>()
  const [failed, setFailed] = useState<Questions['failed']>()
  const merged = mergeQuestions(shown, pending, decided, now)
  if (merged !== shown) setShown(merged)
  const armed = useArmed(merged.map(({ request, ended }) => `${request.id}${ended ?? ''}`).join(' '))

  const decide: Questions['decide'] = async (request, answer) => {
    setBusy(request.id)
    setFailed(undefined)
    try {
      if (answer)
        await store.call('approve', {
          id: request.id,
          ...(request.kind === 'access' && { for: answer.for, right: answer.right }),
          ...(answer.scope !== undefined && { scope: answer.scope }),
          ...(answer.account !== undefined && { account: answer.account }),
        })
      else await store.call('deny', { id: request.id })
      setDecided((before) => new Map(before).set(request.id, answer ? 'allowed' : 'denied'))
      return true
    } catch (thrown) {
      setFailed({ id: request.id, error: asBrokerError(thrown) })
      return false
    } finally {
      setBusy(undefined)
    }
  }
  return { shown: merged, now, armed, busy, failed, decide }
}

/** The accounts a question without one may be answered with: of those it fits, the ones that have the scopes, or else all. */
export function choicesFor(request: AccessRequest, all: readonly Account[]): readonly Account[] {
  const { candidates } = request
  const accounts = candidates ? all.filter(({ id }) => candidates.includes(id)) : all
  const wanted = request.scope.split(' ').filter((scope) => scope !== '')
  const fitting = accounts.filter(
    (account) => account.scope === '' || wanted.every((scope) => account.scope.split(' ').includes(scope)),
  )
  return fitting.length > 0 ? fitting : accounts
}

/**
 * False for `ARMING` milliseconds after `layout` changes, after the page is shown and after it gets the focus: a click or
 * key meant for something else must not allow anything.
 */
export function useArmed(layout: string): boolean {
  const [armed, setArmed] = useState<string>()
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const arm = (): void => {
      clearTimeout(timer)
      setArmed(undefined)
      if (document.visibilityState !== 'visible') return
      timer = setTimeout(() => {
        setArmed(layout)
      }, ARMING)
    }
    arm()
    document.addEventListener('visibilitychange', arm)
    window.addEventListener('focus', arm)
    return () => {
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', arm)
      window.removeEventListener('focus', arm)
    }
  }, [layout])
  return armed === layout
}
