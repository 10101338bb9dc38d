/** The error table of the refresh, row by row: what ends a grant, and above all what does not. */
import { describe, expect, it } from 'vitest'
import { classify, type Failure } from '../../../main/oauth/classify.ts'
import type { HttpAnswer } from '../../../main/oauth/http.ts'
import { readTokenAnswer } from '../../../main/oauth/token-answer.ts'
import type { TokenVariant } from '../../../main/broker/ports.ts'
import { Secret } from '../../../main/broker/secret.ts'

const NOW = Date.UTC(2026, 0, 1)
const html = { headers: { 'content-type': 'text/html' }, body: '<html>Welcome</html>' }
const json = (body: unknown, headers: Record<string, string> = {}): Pick<HttpAnswer, 'headers' | 'body'> => ({
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

/** The failure that an answer on the wire comes to. */
function failed(status: number, answer: Pick<HttpAnswer, 'headers' | 'body'>): Failure {
  const read = readTokenAnswer({ status, ...answer })
  if (read.kind === 'token') throw new Error('that is a success')
  return { kind: 'answer', status, retry_after: answer.headers['retry-after'], answer: read }
}

const rows: readonly (readonly [observation: string, failure: Failure, kind: string])[] = [
  ['no connection before a byte was sent', { kind: 'not-sent', detail: 'x' }, 'offline'],
  ['no answer after bytes were sent', { kind: 'no-answer', detail: 'x' }, 'ambiguous'],
  ['a truncated 200', failed(200, { headers: {}, body: '{"access_token":"abc' }), 'ambiguous'],
  ['408', failed(408, html), 'transient'],
  ['500', failed(500, html), 'transient'],
  ['502', failed(502, html), 'transient'],
  ['503', failed(503, html), 'transient'],
  ['504', failed(504, html), 'transient'],
  ['503 with Retry-After', failed(503, { ...html, headers: { 'retry-after': '7' } }), 'throttled'],
  ['429', failed(429, html), 'throttled'],
  ['429 that says invalid_grant', failed(429, json({ error: 'invalid_grant' })), 'throttled'],
  ['500 that says invalid_grant', failed(500, json({ error: 'invalid_grant' })), 'transient'],
  ['temporarily_unavailable', failed(400, json({ error: 'temporarily_unavailable' })), 'transient'],
  ['server_error', failed(400, json({ error: 'server_error' })), 'transient'],
  ['server_error with Retry-After', failed(400, json({ error: 'server_error' }, { 'retry-after': '5' })), 'throttled'],
  ['internal_failure (Google)', failed(400, json({ error: 'internal_failure' })), 'transient'],
  [
    'invalid_request, retry the request (Ory)',
    failed(
      400,
      json({
        error: 'invalid_request',
        error_description: 'Failed because of multiple concurrent requests. Please retry the request.',
      }),
    ),
    'transient',
  ],
  ['invalid_request otherwise', failed(400, json({ error: 'invalid_request' })), 'client-configuration'],
  ['400 invalid_grant', failed(400, json({ error: 'invalid_grant' })), 'final'],
  ['401 invalid_grant', failed(401, json({ error: 'invalid_grant' })), 'final'],
  ['invalid_grant with Retry-After', failed(400, json({ error: 'invalid_grant' }, { 'retry-after': '1' })), 'final'],
  [
    'invalid_grant as text/html',
    failed(400, { headers: { 'content-type': 'text/html' }, body: '{"error":"invalid_grant"}' }),
    'final',
  ],
  ['invalid_grant inside HTTP 200', failed(200, json({ error: 'invalid_grant' })), 'final'],
  [
    'invalid_grant beside a challenge',
    failed(401, json({ error: 'invalid_grant' }, { 'www-authenticate': 'Bearer realm="x"' })),
    'final',
  ],
  [
    'invalid_grant only in a challenge',
    failed(401, { headers: { 'www-authenticate': 'Bearer error="invalid_grant"' }, body: '' }),
    'final',
  ],
  [
    'invalid_grant, form-encoded',
    failed(400, { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'error=invalid_grant' }),
    'final',
  ],
  ['invalid_client', failed(401, json({ error: 'invalid_client' })), 'client-configuration'],
  ['unauthorized_client', failed(400, json({ error: 'unauthorized_client' })), 'client-configuration'],
  [
    'access_denied (Atlassian: a wrong client secret)',
    failed(403, json({ error: 'access_denied' })),
    'client-configuration',
  ],
  ['401 without a body', failed(401, { headers: {}, body: '' }), 'client-configuration'],
  ['401 with a portal page', failed(401, html), 'transient'],
  ['invalid_scope', failed(400, json({ error: 'invalid_scope' })), 'client-configuration'],
  ['interaction_required', failed(400, json({ error: 'interaction_required' })), 'interaction-needed'],
  ['consent_required', failed(400, json({ error: 'consent_required' })), 'interaction-needed'],
  ['login_required', failed(400, json({ error: 'login_required' })), 'interaction-needed'],
  [
    'invalid_rapt (Google)',
    failed(400, json({ error: 'invalid_grant', error_subtype: 'invalid_rapt' })),
    'interaction-needed',
  ],
  [
    'basic_action (Microsoft)',
    failed(400, json({ error: 'invalid_grant', suberror: 'basic_action' })),
    'interaction-needed',
  ],
  ['bad_token (Microsoft)', failed(400, json({ error: 'invalid_grant', suberror: 'bad_token' })), 'final'],
  ['200 with a portal page', failed(200, html), 'offline'],
  ['200 with another content type', failed(200, { headers: { 'content-type': 'text/plain' }, body: 'OK' }), 'offline'],
  ['403 with a portal page', failed(403, html), 'transient'],
  ['204', failed(204, { headers: {}, body: '' }), 'transient'],
  ['an empty 200', failed(200, { headers: {}, body: '' }), 'transient'],
  ['an oversized 200', failed(200, { headers: {}, body: null }), 'transient'],
  ['302', failed(302, html), 'transient'],
  ['307', failed(307, { headers: {}, body: '' }), 'transient'],
  ['an error nobody has heard of', failed(400, json({ error: 'teapot' })), 'transient'],
  ['an error named like a member of every object', failed(400, json({ error: 'constructor' })), 'transient'],
  ['an error that is an object', failed(400, json({ error: { code: 'invalid_grant' } })), 'transient'],
  ['200 without a token', failed(200, json({ ok: true })), 'transient'],
  [
    'a token type we do not understand',
    failed(200, json({ access_token: 'abc', token_type: 'mac' })),
    'client-configuration',
  ],
]

describe('classify', () => {
  it.each(rows)('%s', (_, failure, kind) => {
    expect(classify(failure, NOW).kind).toBe(kind)
  })

  it.each<readonly [string, TokenVariant, string]>([
    ['invalid_request', { scope: 'mail' }, 'request-refused'],
    ['invalid_scope', { scope: 'mail' }, 'request-refused'],
    ['invalid_target', { scope: 'mail' }, 'request-refused'],
    ['access_denied', { scope: 'mail' }, 'request-refused'],
    ['invalid_request', { resource: 'https://api.example' }, 'request-refused'],
    ['invalid_scope', { audience: 'api' }, 'request-refused'],
    ['access_denied', { audience: 'api' }, 'request-refused'],
    ['invalid_target', {}, 'request-refused'],
    ['invalid_request', {}, 'client-configuration'],
    ['invalid_scope', {}, 'client-configuration'],
    ['access_denied', {}, 'client-configuration'],
    // These are about the account or the client, whatever was wanted.
    ['invalid_grant', { scope: 'mail' }, 'final'],
    ['invalid_client', { scope: 'mail' }, 'client-configuration'],
    ['unauthorized_client', { audience: 'api' }, 'client-configuration'],
    ['login_required', { resource: 'https://api.example' }, 'interaction-needed'],
    ['temporarily_unavailable', { scope: 'mail' }, 'transient'],
  ])('%s when %o was wanted is %s', (error, wish, kind) => {
    expect(classify(failed(400, json({ error })), NOW, [], wish).kind).toBe(kind)
  })

  it('leaves "please retry the request" to be retried, whatever was wanted', () => {
    const failure = failed(400, json({ error: 'invalid_request', error_description: 'Please retry the request.' }))
    expect(classify(failure, NOW, [], { scope: 'mail' }).kind).toBe('transient')
  })

  it('calls nothing final but invalid_grant', () => {
    const final = rows.filter(([, , kind]) => kind === 'final').map(([observation]) => observation)
    expect(final.every((observation) => /invalid_grant|bad_token/u.test(observation))).toBe(true)
  })

  it('names the seconds to wait', () => {
    const failure = failed(429, { headers: { 'retry-after': '120' }, body: '' })
    expect(classify(failure, NOW)).toMatchObject({ kind: 'throttled', retry_after: 120 })
  })

  it('says it in one harmless sentence, without what was in the request', () => {
    const secret = new Secret('rt-0123456789')
    const error_description = `token rt-0123456789 is\r\nbad \u001b[31m\u202e${'x'.repeat(100_000)}`
    const { detail } = classify(failed(400, json({ error: 'invalid_grant', error_description })), NOW, [secret])
    expect(detail).toMatch(/^The provider answered "invalid_grant": token \[secret\] is bad/u)
    expect(detail).not.toContain('rt-0123456789')
    expect(detail.length).toBeLessThan(260)
    expect(detail).not.toMatch(/\p{C}/u)
  })
})
