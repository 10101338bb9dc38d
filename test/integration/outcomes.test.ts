/**
 * Every way a program can be refused, provoked at the real daemon: each answer says what to do next, and names the question
 * where one waits. What no program is told (`pairing_required`, `not_running`: a client finds these out by itself) is named
 * beside them, so that a code added to the list is missed here.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type ErrorBody, type ErrorCode, errorTable } from '../../main/contract/errors.ts'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { startDaemon, type RunningDaemon } from '../setup/daemon.ts'
import { approve, linkAccount, pairProgram } from '../setup/link.ts'
import { SigningClient } from '../setup/signing-client.ts'

let provider: IdentityProvider
let daemon: RunningDaemon
let token: string

beforeAll(async () => {
  provider = await startIdentityProvider({ access_ttl: 3600 })
  daemon = await startDaemon()
  for (const login of ['ada', 'bea']) await linkAccount(daemon, provider, { login })
  token = await pairProgram(daemon, 'asker')
})

afterAll(async () => {
  await daemon.stop()
  await provider.stop()
})

interface Outcome {
  readonly status: number
  readonly body: Partial<ErrorBody> & { readonly id?: string; readonly code?: string }
}

async function ask(path: string, body?: unknown, as = token): Promise<Outcome> {
  const client = new SigningClient()
  return client.call(daemon.paths.socket, path, body, { token: as, proof: null })
}

const read = (more: object, as?: string): Promise<Outcome> => ask('/v1/token', { interaction: 'never', ...more }, as)

/** The program may read this account from now on. */
async function allow(account: string, as = token): Promise<void> {
  const { body } = await ask('/v1/requests', { account, right: 'read', scope: 'openid' }, as)
  await approve(daemon, body.id ?? '', body.code ?? '')
}

/** In this order: what comes later builds on what came before. */
const provoked: readonly (readonly [ErrorCode, string, () => Promise<Outcome>, Partial<ErrorBody>])[] = [
  ['invalid_request', 'a misspelt member', () => read({ acount: 'ada' }), {}],
  ['invalid_client', 'no token', () => read({ account: 'ada' }, ''), { resolve: { command: 'valetkey pair NAME' } }],
  [
    'not_found',
    'an account there is not',
    () => read({ account: 'nobody' }),
    { resolve: { command: 'valetkey accounts' } },
  ],
  [
    'login_required',
    'a provider nothing is linked at',
    () => read({ provider: 'github' }),
    { resolve: { command: 'valetkey link github' } },
  ],
  ['consent_required', 'never asked', () => read({ account: 'ada' }), { resolve: { command: 'valetkey requests' } }],
  [
    'consent_required',
    'left for the person',
    () => read({ account: 'ada', interaction: 'notify' }),
    { request_id: expect.any(String) as string },
  ],
  [
    'timeout',
    'a person who does not answer in time',
    () => read({ account: 'ada', interaction: 'prompt', timeout: 1 }),
    { request_id: expect.any(String) as string },
  ],
  [
    'slow_down',
    'more questions than may wait',
    async () => {
      const scopes = ['openid', 'profile', 'email', 'openid profile', 'openid email', 'profile email']
      const all = await Promise.all(scopes.map((scope) => ask('/v1/requests', { account: 'bea', scope })))
      return all.find(({ status }) => status !== 200) ?? { status: 200, body: {} }
    },
    { retry_after: expect.any(Number) as number },
  ],
  [
    'access_denied',
    'a person who said no',
    async () => {
      const other = await pairProgram(daemon, 'denied')
      const { body } = await ask('/v1/requests', { account: 'ada' }, other)
      await daemon.cli(['deny', body.id ?? ''])
      return ask('/v1/requests', { account: 'ada' }, other)
    },
    { retry_after: expect.any(Number) as number },
  ],
  [
    'invalid_scope',
    'more than the account has',
    async () => {
      token = await pairProgram(daemon, 'reader')
      for (const account of ['ada', 'bea']) await allow(account)
      return read({ account: 'ada', scope: 'openid admin' })
    },
    {},
  ],
  [
    'account_selection_required',
    'words that fit two',
    () => read({ provider: 'generic-oidc' }),
    { candidates: [expect.objectContaining({ label: 'ada' }), expect.objectContaining({ label: 'bea' })] as never },
  ],
  [
    'temporarily_unavailable',
    'a provider that is down',
    async () => {
      await provider.set({ token_endpoint: 'unavailable' })
      const answer = await read({ account: 'ada', scope: 'openid', force_refresh: true, timeout: 5 })
      await provider.set({ token_endpoint: 'normal' })
      return answer
    },
    { retry_after: expect.any(Number) as number },
  ],
  [
    'locked',
    'a locked vault',
    async () => {
      await daemon.cli(['lock'])
      const answer = await read({ account: 'ada' })
      await daemon.cli(['unlock'])
      return answer
    },
    { resolve: { command: 'valetkey unlock' } },
  ],
]

it.each(provoked)('%s: %s', async (code, _what, provoke, more) => {
  const { status, body } = await provoke()
  expect(body).toMatchObject({ error: code, error_description: expect.any(String) as string, ...more })
  expect(body.resolve?.command).toMatch(/^valetkey /u)
  expect(status).toBe(errorTable[code].status)
})

it('are all the refusals there are but those told elsewhere', () => {
  /** A client's own; a fault of ours and a provider's, which have tests of their own. */
  const elsewhere: readonly ErrorCode[] = ['pairing_required', 'not_running', 'server_error', 'provider_error']
  expect(new Set([...provoked.map(([code]) => code), ...elsewhere])).toEqual(new Set(Object.keys(errorTable)))
})
