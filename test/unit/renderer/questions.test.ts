/** Which questions stand where on the screen, and how each is said to have ended. */
import { describe, expect, it } from 'vitest'
import type { AccessRequest, Account } from '../../../main/contract/model.ts'
import { choicesFor, mergeQuestions, type Ending } from '../../../renderer/questions.ts'

const now = 1000
const request = (id: string, more: Partial<AccessRequest> = {}): AccessRequest => ({
  id,
  kind: 'access',
  state: 'pending',
  client: { name: id, kind: 'script' },
  scope: '',
  right: 'read',
  created_at: now - 10,
  expires_at: now + 60,
  waiting: 1,
  ...more,
})
const none: ReadonlyMap<string, Ending> = new Map()
const ids = (shown: ReturnType<typeof mergeQuestions>): readonly string[] =>
  shown.map(({ request: { id }, ended }) => (ended === undefined ? id : `${id}:${ended}`))

describe('mergeQuestions', () => {
  it('shows what waits, oldest first', () => {
    const shown = mergeQuestions([], [request('b', { created_at: 990 }), request('a', { created_at: 980 })], none, now)
    expect(ids(shown)).toEqual(['a', 'b'])
  })

  it('answers the same list when nothing changed', () => {
    const pending = [request('a'), request('b')]
    const shown = mergeQuestions([], pending, none, now)
    expect(mergeQuestions(shown, pending, none, now)).toBe(shown)
    expect(mergeQuestions(shown, [...pending], none, now + 1)).toBe(shown)
  })

  it('adds at the end and never moves what is there', () => {
    const shown = mergeQuestions([], [request('b')], none, now)
    expect(ids(mergeQuestions(shown, [request('a', { created_at: 1 }), request('b')], none, now))).toEqual(['b', 'a'])
  })

  it('leaves an ended one in its place with how it ended', () => {
    const shown = mergeQuestions([], [request('a'), request('b'), request('c', { expires_at: now + 5 })], none, now)
    const later = mergeQuestions(shown, [request('b')], new Map([['a', 'allowed' as const]]), now + 6)
    expect(ids(later)).toEqual(['a:allowed', 'b', 'c:expired'])
    expect(ids(mergeQuestions(later, [], none, now + 7))).toEqual(['a:allowed', 'b:elsewhere', 'c:expired'])
  })

  it('ends one whose time is over although the broker still lists it', () => {
    const pending = [request('a', { expires_at: now + 5 })]
    const shown = mergeQuestions([], pending, none, now)
    expect(ids(mergeQuestions(shown, pending, none, now + 5))).toEqual(['a:expired'])
    expect(ids(mergeQuestions([], pending, none, now + 5))).toEqual([])
  })

  it('believes the decision over a list that has not caught up', () => {
    const pending = [request('a')]
    const shown = mergeQuestions([], pending, none, now)
    expect(ids(mergeQuestions(shown, pending, new Map([['a', 'denied' as const]]), now))).toEqual(['a:denied'])
  })
})

describe('choicesFor', () => {
  const account = (id: string, scope: string): Account => ({
    id,
    provider: 'p',
    provider_name: 'P',
    label: id,
    state: 'connected',
    scope,
    renewable: true,
    linked_at: 0,
  })
  const accounts = [account('all', 'a b c'), account('some', 'a'), account('unnamed', '')]

  it('offers those that have what is asked for', () => {
    expect(choicesFor(request('x', { scope: 'a c' }), accounts).map(({ id }) => id)).toEqual(['all', 'unnamed'])
    expect(choicesFor(request('x', { scope: '' }), accounts)).toEqual(accounts)
  })

  it('offers all when none has, so that the broker can say what is missing', () => {
    expect(choicesFor(request('x', { scope: 'z' }), accounts.slice(0, 2)).map(({ id }) => id)).toEqual(['all', 'some'])
  })
})
