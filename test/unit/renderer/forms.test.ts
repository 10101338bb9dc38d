/** What becomes of what the person typed, and where the page is. */
import { describe, expect, it } from 'vitest'
import { BrokerError } from '../../../main/contract/errors.ts'
import { windowCalls } from '../../../main/contract/window-api.ts'
import { unwrap } from '../../../renderer/bridge.ts'
import { emptyDraft, fieldOf, requestOf } from '../../../renderer/link-draft.ts'
import { hrefOf, parseRoute } from '../../../renderer/navigation.ts'
import { mergeEntries } from '../../../renderer/activity-feed.ts'
import { safeAddress } from '../../../renderer/screens/waiting.tsx'

const provider = {
  id: 'p',
  name: 'P',
  variables: [{ name: 'issuer', title: 'Issuer', required: true, secret: false }],
  scopes: ['a', 'b'],
}

describe('requestOf', () => {
  it('leaves out what was left empty', () => {
    const request = requestOf(emptyDraft(provider), provider, false)
    expect(request).toEqual({ provider: 'p', open_browser: false })
    expect(windowCalls.link(request, '')).toEqual(request)
  })

  it('sends what was typed, once and without the spaces around it, and no secret changed', () => {
    const draft = {
      ...emptyDraft(provider),
      params: { issuer: ' https://x ', stray: 'y' },
      clientId: ' id ',
      clientSecret: ' s ',
      scopes: ['b', 'a'],
      otherScopes: ' c,  a\td ',
      label: ' Work ',
    }
    expect(requestOf(draft, provider, true)).toEqual({
      provider: 'p',
      open_browser: true,
      params: { issuer: 'https://x' },
      client_id: 'id',
      client_secret: ' s ',
      scope: 'b a c d',
      label: 'Work',
    })
  })
})

describe('fieldOf', () => {
  const names = ['issuer', 'client_id', 'scope']
  it('finds the field a refusal names, and none when it names none', () => {
    expect(fieldOf(new BrokerError('invalid_request', 'params.issuer must be an https URL.'), names)).toBe('issuer')
    expect(fieldOf(new BrokerError('invalid_request', 'client_id is missing.'), names)).toBe('client_id')
    expect(fieldOf(new BrokerError('invalid_scope', 'Not granted: mail'), names)).toBe('scope')
    expect(fieldOf(new BrokerError('invalid_request', 'The scopes are odd.'), names)).toBeUndefined()
    expect(fieldOf(new BrokerError('provider_error', 'issuer'), names)).toBeUndefined()
  })
})

describe('parseRoute', () => {
  it('reads what hrefOf writes', () => {
    for (const screen of ['accounts', 'link', 'apps', 'activity'] as const) {
      expect(parseRoute(hrefOf(screen))).toEqual({ screen })
      expect(parseRoute(hrefOf(screen, 'a/b %'))).toEqual({ screen, id: 'a/b %' })
    }
    for (const screen of ['approvals', 'activity', 'settings'] as const)
      expect(parseRoute(hrefOf(screen))).toEqual({ screen })
  })

  it('takes anything else for the accounts', () => {
    for (const hash of ['', '#', '#/', '#/nothing/x', '#main', '#/__proto__'])
      expect(parseRoute(hash)).toEqual({ screen: 'accounts' })
    expect(parseRoute('#/apps/%')).toEqual({ screen: 'apps', id: '%' })
  })
})

describe('safeAddress', () => {
  it('takes https, and http on this computer only', () => {
    for (const url of ['https://x.example/a?b#c', 'http://127.0.0.1:1/', 'http://[::1]/', 'http://localhost/'])
      expect(safeAddress(url)?.href, url).toBe(new URL(url).href)
    for (const url of [
      'http://x.example/',
      'javascript:alert(1)',
      'file:///etc/passwd',
      'data:text/html,x',
      'http://127.0.0.1.x.example/',
      'x',
      '',
    ])
      expect(safeAddress(url), url).toBeUndefined()
  })
})

describe('unwrap', () => {
  it('gives the value, or throws what it was refused with', () => {
    expect(unwrap({ ok: true, value: 1 })).toBe(1)
    const error = { error: 'locked', error_description: 'Locked.', resolve: { command: 'valetkey unlock' } }
    for (const refusal of [{ ok: false, error }, error])
      expect(() => unwrap(refusal)).toThrow(
        expect.objectContaining({ code: 'locked', message: 'Locked.', resolve: error.resolve }),
      )
  })

  it('takes what it cannot understand for a fault', () => {
    for (const odd of [null, undefined, 1, 'x', {}, [], { ok: false }, { ok: false, error: { error: 'nonsense' } }])
      expect(() => unwrap(odd), JSON.stringify(odd)).toThrow(expect.objectContaining({ code: 'server_error' }))
  })
})

describe('mergeEntries', () => {
  const row = (id: number): Parameters<typeof mergeEntries>[0][number] => ({
    id,
    at: id,
    action: 'token',
    outcome: 'ok',
  })
  it('shows each once, newest first', () => {
    const merged = mergeEntries([row(5), row(4)], [row(6), row(5), row(1)])
    expect(merged.map(({ id }) => id)).toEqual([6, 5, 4, 1])
    expect(mergeEntries(merged, [row(4)])).toBe(merged)
  })
})
