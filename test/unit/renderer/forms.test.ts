/** What becomes of what the person typed, and where the page is. */
import { describe, expect, it } from 'vitest'
import { BrokerError } from '../../../main/contract/errors.ts'
import { windowCalls } from '../../../main/contract/window-api.ts'
import { unwrap } from '../../../renderer/bridge.ts'
import { clientWanted, emptyDraft, fieldOf, flowOf, requestOf, withoutPassword } from '../../../renderer/link-draft.ts'
import { missingScopes } from '../../../renderer/link-memory.ts'
import { hrefOf, parentOf, parseRoute } from '../../../renderer/navigation.ts'
import { shortcutOf } from '../../../renderer/shortcuts.ts'
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
    expect(requestOf({ ...draft, redirect: 'paste' }, provider, true)).toMatchObject({ redirect: 'paste' })
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

describe('the flow', () => {
  const several = {
    ...provider,
    flows: ['browser', 'client-credentials', 'password'] as const,
    client_fields: { secret: 'required', not_for: ['password'] } as const,
  }
  const draft = { ...emptyDraft(several), clientId: 'id', clientSecret: 's', username: ' ada ', password: ' p ' }

  it('is the provider’s first, never a password, and named only where it was chosen', () => {
    expect(flowOf(draft, several)).toBe('browser')
    expect(flowOf(draft, { ...several, flows: ['password', 'device'] })).toBe('device')
    expect(flowOf(draft, { ...several, flows: ['password'] })).toBeUndefined()
    expect(flowOf(draft, provider)).toBe('browser')
    const request = requestOf(draft, several, false)
    for (const name of ['flow', 'username', 'password']) expect(request).not.toHaveProperty(name)
    expect(requestOf({ ...draft, flow: 'client-credentials' }, several, false)).toMatchObject({
      ...{ flow: 'client-credentials', client_id: 'id', client_secret: 's' },
    })
  })

  it('with a password names no client, and leaves nothing of it in what is remembered', () => {
    const request = requestOf({ ...draft, flow: 'password' }, several, false)
    expect(request).toEqual({ provider: 'p', open_browser: false, flow: 'password', username: 'ada', password: ' p ' })
    expect(windowCalls.link(request, '')).toEqual(request)
    expect(withoutPassword(request)).toEqual({ provider: 'p', open_browser: false, flow: 'password' })
  })

  it('says what of the client is needed; a summary that does not say leaves it open', () => {
    expect(clientWanted(draft, several)).toEqual({ id: 'required', secret: 'required' })
    expect(clientWanted({ ...draft, flow: 'password' }, several)).toEqual({ id: 'none', secret: 'none' })
    expect(clientWanted(draft, { ...several, client_fields: { secret: 'none' } })).toEqual({
      id: 'required',
      secret: 'none',
    })
    expect(clientWanted(draft, provider)).toEqual({ id: 'optional', secret: 'optional' })
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

describe('a question in its own window', () => {
  it('has an address of its own, and without one is the list', () => {
    expect(parseRoute(hrefOf('prompt', 'a/b %'))).toEqual({ screen: 'prompt', id: 'a/b %' })
    expect(parseRoute('#/prompt')).toEqual({ screen: 'approvals' })
    expect(parseRoute('#/prompt/')).toEqual({ screen: 'approvals' })
  })
})

describe('parentOf', () => {
  it('leads back from a detail, and from nothing that would lose something', () => {
    expect(['accounts', 'apps', 'activity', 'link'].map((screen) => parentOf(parseRoute(`#/${screen}/x`)))).toEqual([
      'accounts',
      'apps',
      'activity',
      'accounts',
    ])
    for (const hash of ['#/accounts', '#/link', '#/settings', '#/approvals', '#/prompt/x'])
      expect(parentOf(parseRoute(hash)), hash).toBeUndefined()
  })
})

describe('shortcutOf', () => {
  const key = (name: string, more: object = { ctrlKey: true }): ReturnType<typeof shortcutOf> =>
    shortcutOf({ key: name, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more })
  it('knows its keys with Control or Command alone', () => {
    expect(['1', '2', '3', '4', ',', 'n', 'N', 'f'].map((name) => key(name))).toEqual([
      ...['accounts', 'apps', 'activity', 'settings', 'settings', 'link', 'link', 'filter'],
    ])
    expect(key('1', { metaKey: true })).toBe('accounts')
  })
  it('takes nothing else, and nothing that decides', () => {
    for (const more of [
      {},
      { ctrlKey: true, shiftKey: true },
      { ctrlKey: true, altKey: true },
      { ctrlKey: true, metaKey: true },
    ])
      expect(key('1', more), JSON.stringify(more)).toBeUndefined()
    for (const name of ['Enter', ' ', 'y', 'a', '5', 'Escape', 'toString']) expect(key(name), name).toBeUndefined()
  })
})

describe('missingScopes', () => {
  it('names what was asked for and not given', () => {
    expect(missingScopes('a b c', 'c a')).toBe('b')
    expect(missingScopes('a', 'a b')).toBe('')
    expect(missingScopes(undefined, 'a')).toBe('')
  })
  it('claims nothing where the provider names no scopes', () => {
    expect(missingScopes('a b', ' ')).toBe('')
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
