/**
 * The two APIs' parsers as whole calls: good arguments come through unchanged, bad ones are refused by name, and no value
 * whatever gets another answer than these two.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientCalls, clientRoutes, helloMessage, pendingHeaders } from '../../../main/contract/client-api.ts'
import type { Parser } from '../../../main/contract/parse.ts'
import { windowCalls } from '../../../main/contract/window-api.ts'
import { refusal } from './refusal.ts'

/** A call's parser; a full good argument (every member it may have); members it cannot do without. */
interface Call {
  readonly parser: Parser<unknown>
  readonly full: Readonly<Record<string, unknown>> | undefined
  readonly required: readonly string[]
}

const key = 'A'.repeat(43)
const id = 'rq_1'

const client: Readonly<Record<keyof typeof clientCalls, Omit<Call, 'parser'>>> = {
  hello: { full: { nonce: 'n'.repeat(22) }, required: ['nonce'] },
  pair: { full: { name: 'deploy', kind: 'script', public_key: key }, required: ['name', 'kind'] },
  token: {
    full: {
      account: 'ac_1',
      provider: 'example',
      issuer: 'https://op.example',
      scope: 'openid profile',
      resource: 'https://api.example/',
      audience: 'api',
      min_valid_period: 31_536_000,
      force_refresh: false,
      interaction: 'never',
      timeout: 600,
      reason: 'to deploy',
      www_authenticate: 'Bearer error="invalid_token"',
    },
    required: [],
  },
  invalidate: { full: { account: 'ac_1', token_id: 'tk_1' }, required: ['account', 'token_id'] },
  accounts: { full: undefined, required: [] },
  request: { full: { id, wait: 60 }, required: ['id'] },
  requestAccess: {
    full: {
      account: 'ac_1',
      provider: 'example',
      issuer: 'https://op.example',
      scope: 'openid profile',
      right: 'use',
      reason: 'to deploy',
    },
    required: [],
  },
  startSession: { full: { name: 'build 7', right: 'read', lifetime: 28_800 }, required: ['name'] },
  endSession: { full: { id: 's_1' }, required: [] },
  status: { full: undefined, required: [] },
}

const window: Readonly<Record<keyof typeof windowCalls, Omit<Call, 'parser'>>> = {
  snapshot: { full: undefined, required: [] },
  link: {
    full: {
      provider: 'example',
      scope: 'openid',
      flow: 'password',
      redirect: 'paste',
      client_id: 'me',
      client_secret: 's3',
      client_key: '-----BEGIN PRIVATE KEY-----\nx\n',
      register: true,
      resource: 'https://api.example/',
      username: 'me@example.com',
      password: 'two words\t',
      params: Object.assign(Object.create(null), { tenant: 'contoso' }),
      label: 'work',
      profile: 'desk',
      account: 'ac_1',
      open_browser: true,
    },
    required: ['provider'],
  },
  awaitSignIn: { full: { id, timeout: 0 }, required: ['id', 'timeout'] },
  submitRedirect: { full: { id, url: 'http://127.0.0.1/callback/x?code=a\n' }, required: ['id', 'url'] },
  deliverRedirect: { full: { url: 'app.valetkey:/callback/x?code=a&state=b' }, required: ['url'] },
  cancelSignIn: { full: { id }, required: ['id'] },
  describeProvider: { full: { id }, required: ['id'] },
  addProvider: { full: { text: 'schema_version: 1\n' }, required: ['text'] },
  removeProvider: { full: { id }, required: ['id'] },
  testProvider: { full: { id }, required: ['id'] },
  configure: {
    full: {
      launch_at_login: true,
      close_to_tray: false,
      lock_with_screen: true,
      notify: false,
      approval_duration: '1h',
      activity_days: 90,
    },
    required: [],
  },
  setPaused: { full: { paused: true }, required: ['paused'] },
  consoleLink: { full: undefined, required: [] },
  handOver: { full: undefined, required: [] },
  unlink: { full: { account: 'ac_1', keep_remote: true }, required: ['account'] },
  rename: { full: { account: 'ac_1', label: 'home' }, required: ['account', 'label'] },
  setProfile: { full: { account: 'ac_1', profile: 'desk' }, required: ['account'] },
  setShiftEnd: { full: { profile: 'desk', ends_at: 1_800_000_000 }, required: ['profile'] },
  endShift: { full: { profile: 'desk', keep_remote: true, keep_unlocked: true }, required: ['profile'] },
  retry: { full: { account: 'ac_1' }, required: ['account'] },
  approve: {
    full: { id, code: 'ABCD-EFGH', for: 'until-locked', right: 'read', account: 'ac_1', scope: 'a' },
    required: ['id'],
  },
  deny: { full: { id }, required: ['id'] },
  revokeClient: { full: { client: 'cl_1' }, required: ['client'] },
  revokeGrant: { full: { id }, required: ['id'] },
  forgetChoice: { full: { id }, required: ['id'] },
  stopSession: { full: { id }, required: ['id'] },
  activity: { full: { before: 9, after: 0, limit: 1000 }, required: [] },
  verifyActivity: { full: { expected: 'ab'.repeat(32) }, required: [] },
  lock: { full: undefined, required: [] },
  unlock: { full: { passphrase: 'correct horse' }, required: [] },
  doctor: { full: undefined, required: [] },
}

const calls: readonly (Call & { readonly name: string })[] = [
  ...Object.entries(client).map(([name, call]) => ({
    name: `client ${name}`,
    parser: clientCalls[name as keyof typeof clientCalls] as Parser<unknown>,
    ...call,
  })),
  ...Object.entries(window).map(([name, call]) => ({
    name: `window ${name}`,
    parser: windowCalls[name as keyof typeof windowCalls] as Parser<unknown>,
    ...call,
  })),
]

/** Anything, often with the call's own member names, own `__proto__` included, as JSON would bring it. */
function hostile(full: Call['full']): fc.Arbitrary<unknown> {
  const names = fc.constantFrom(...Object.keys(full ?? { a: 1 }), '__proto__', 'constructor', 'toString', 'x')
  const members = fc.array(
    fc.tuple(names, fc.oneof(fc.anything(), fc.constantFrom(...Object.values(full ?? {}), null))),
  )
  return fc.oneof(
    fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true }),
    fc.jsonValue(),
    members.map((entries) => Object.fromEntries(entries)),
    members.map((entries) => entries.reduce((all, [name, value]) => define(all, name, value), {})),
  )
}

function define(onto: object, name: string, value: unknown): object {
  return Object.defineProperty(onto, name, { value, enumerable: true, configurable: true, writable: true })
}

describe.each(calls)('$name', ({ parser, full, required }) => {
  it('gives a good argument back as it is', () => {
    expect(parser(full, '')).toEqual(full)
    const least = full && Object.fromEntries(Object.entries(full).filter(([name]) => required.includes(name)))
    expect(parser(least, '')).toEqual(least)
  })

  it('refuses an unknown member among good ones', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor')), fc.anything(), (name, value) => {
        fc.pre(!Object.hasOwn(full ?? {}, name))
        expect(refusal(() => parser(define({ ...full }, name, value), ''))).not.toBeNull()
      }),
    )
  })

  it('answers anything with a refusal or with known members only', () => {
    fc.assert(
      fc.property(hostile(full), (value) => {
        let answer: unknown
        if (refusal(() => (answer = parser(value, ''))) !== null) return
        const known = Object.keys(full ?? {})
        expect(known).toEqual(expect.arrayContaining(Reflect.ownKeys((answer as object | undefined) ?? {})))
        expect(parser(answer, '')).toEqual(answer)
      }),
      { numRuns: 300 },
    )
  })
})

describe.each(calls.filter(({ full }) => full !== undefined))('the members of $name', ({ parser, full, required }) => {
  const names = Object.keys(full ?? {})

  it('may be left out or may not', () => {
    const refusals = names.map((name) => refusal(() => parser({ ...full, [name]: undefined }, '')))
    expect(refusals).toEqual(names.map((name) => (required.includes(name) ? `${name} is missing.` : null)))
  })

  it('are refused when of the wrong type', () => {
    for (const name of names)
      for (const wrong of [null, [], 7.5, Symbol('s'), () => 'f', '\0'])
        expect(
          refusal(() => parser({ ...full, [name]: wrong }, '')),
          `${name} ${String(wrong)}`,
        ).toContain(`${name} must be `)
  })
})

describe('limits', () => {
  it.each<[keyof typeof clientCalls, unknown, string]>([
    ['hello', { nonce: 'n'.repeat(21) }, 'nonce must be base64url of 22 to 86 characters.'],
    ['hello', { nonce: 'n'.repeat(87) }, 'nonce must be base64url of 22 to 86 characters.'],
    ['pair', { name: 'n'.repeat(65), kind: 'cli' }, 'name must be a text of 1 to 64 characters.'],
    ['pair', { name: 'x', kind: 'root' }, 'kind must be one of cli, script, extension, agent.'],
    ['pair', { name: 'x', kind: 'cli', public_key: 'k' }, 'public_key must be base64url of 43 characters.'],
    ['token', { timeout: 601 }, 'timeout must be a whole number from 0 to 600.'],
    ['token', { min_valid_period: -1 }, 'min_valid_period must be a whole number from 0 to 31536000.'],
    ['token', { interaction: 'always' }, 'interaction must be one of never, notify, prompt.'],
    ['token', { force_refresh: 'yes' }, 'force_refresh must be true or false.'],
    ['token', { account: '' }, 'account must be a text of 1 to 256 characters.'],
    ['token', { reason: 'Approve me\nNow' }, 'reason must be a text without control characters.'],
  ])('client %s refuses %j', (method, argument, sentence) => {
    expect(refusal(() => clientCalls[method](argument, ''))).toBe(sentence)
  })

  it.each<[keyof typeof windowCalls, unknown, string]>([
    ['approve', { id, for: 'ever' }, 'for must be one of once, 1h, 8h, until-locked, always.'],
    ['approve', { id, right: 'write' }, 'right must be one of use, read.'],
    ['activity', { limit: 0 }, 'limit must be a whole number from 1 to 1000.'],
    ['awaitSignIn', { id, timeout: 601 }, 'timeout must be a whole number from 0 to 600.'],
    ['submitRedirect', { id, url: 'x'.repeat(16_385) }, 'url must be a text of at most 16384 characters.'],
    ['link', { provider: 'p', params: { tenant: 1 } }, 'params.tenant must be a text of 1 to 2048 characters.'],
  ])('window %s refuses %j', (method, argument, sentence) => {
    expect(refusal(() => windowCalls[method](argument, ''))).toBe(sentence)
  })
})

describe('the door that asks', () => {
  it('has a route for every call, none twice, and only two that need no credential', () => {
    const routes = Object.values(clientRoutes)
    expect(Object.keys(clientRoutes).toSorted()).toEqual(Object.keys(clientCalls).toSorted())
    expect(new Set(routes.map(({ method, path }) => `${method} ${path}`)).size).toBe(routes.length)
    expect(routes.filter(({ open }) => open).map(({ path }) => path)).toEqual(['/v1/hello', '/v1/pair'])
  })

  it('shares no call with the door that decides', () => {
    const deciding = Object.keys(windowCalls)
    expect(Object.keys(clientCalls).filter((method) => deciding.includes(method))).toEqual([])
  })

  it('tells of a pending question in headers as HTTP wants them', () => {
    for (const name of Object.values(pendingHeaders)) expect(name).toMatch(/^valetkey-[a-z]+$/u)
  })
})

describe('helloMessage', () => {
  it('is what both sides sign', () => {
    expect(helloMessage('nonce', '127.0.0.1:7')).toBe('valetkey-hello-v1\nnonce\n127.0.0.1:7')
  })

  it('is another for another nonce or address, whatever a caller may send', () => {
    const nonce = fc
      .uint8Array({ minLength: 17, maxLength: 64 })
      .map((bytes) => Buffer.from(bytes).toString('base64url'))
    const pairOf = fc.tuple(nonce, fc.string({ minLength: 1 }))
    fc.assert(
      fc.property(pairOf, pairOf, (a, b) => {
        fc.pre(a[0] !== b[0] || a[1] !== b[1])
        expect(helloMessage(...a)).not.toBe(helloMessage(...b))
      }),
    )
  })
})
