/**
 * The fast path and what a broker can say: every refusal, question and answer told to the byte as the command line tells it,
 * and its client token taken from nowhere else.
 */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ErrorBody, type ErrorCode, errorTable } from '../../main/contract/errors.ts'
import { both, handedOver, makeLone, runFast } from '../setup/fast-path.ts'
import { startStandIn, tokenAnswer, type StandIn } from '../unit/cli/stand-in-broker.ts'

let lone: ReturnType<typeof makeLone>
beforeAll(() => {
  lone = makeLone()
})
afterAll(() => {
  lone.remove()
})

describe('beside a broker that says anything', () => {
  let broker: StandIn
  const said = (body: unknown): string => JSON.stringify(body)
  beforeEach(async () => {
    broker = await startStandIn()
  })
  afterEach(async () => {
    await broker.close()
  })

  const refusal = (error: ErrorCode, more: Partial<ErrorBody> = {}): ErrorBody => ({
    error,
    error_description: `Refused with ${error} “” \u001b[31m\u202eevil\u0000\n`,
    ...more,
  })
  const candidates = [
    { id: 'a1', label: 'ada\u009b', provider: 'p' },
    { id: 'a2', label: '\ud83d', provider: 'q', more: [1, { x: null }] },
  ] as const

  it.each(Object.keys(errorTable) as ErrorCode[])('tells %s as the command line does', async (code) => {
    const resolve = { command: 'valetkey approve x', url: 'https://example.com/ü', code: '123-456' }
    const bodies: readonly (readonly [ErrorBody, number?])[] = [
      [refusal(code)],
      [refusal(code, { resolve, request_id: 'r1' }), 7],
      [refusal(code, { candidates, resolve: {}, retry_after: 9 })],
    ]
    for (const [body, retryAfter] of bodies) {
      broker.routes.set('token', () => ({ refusal: body, ...(retryAfter !== undefined && { retryAfter }) }))
      const words = await both(broker.home, ['token', 'ada'], {}, lone.program)
      expect(words).toMatchObject({ code: errorTable[code].exit, stdout: '' })
      const machine = await both(broker.home, ['token', 'ada', '--json'], {}, lone.program)
      expect(JSON.parse(machine.stderr)).toMatchObject({ error: code, error_description: body.error_description })
    }
  })

  it.each([
    ['no token', { ...tokenAnswer(), access_token: undefined }],
    ['an empty token', { ...tokenAnswer(), access_token: '' }],
    ['a token of two lines', { ...tokenAnswer(), access_token: 'a\nb' }],
    ['a token that is a number', { ...tokenAnswer(), access_token: 12 }],
    ['a header with a NUL', { ...tokenAnswer(), authorization: 'Bearer \0' }],
    ['a header beyond ASCII', { ...tokenAnswer(), authorization: 'Bearer ü' }],
    ['a list', [tokenAnswer()]],
  ])('prints nothing that is not a token: %s', async (_what, value) => {
    broker.routes.set('token', () => ({ value }))
    for (const option of [[], ['--header'], ['--json']]) {
      const { code, stdout, stderr } = await both(broker.home, ['token', 'ada', ...option], {}, lone.program)
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toContain('something that is not a token')
    }
  })

  it('tells questions and prints whole answers as the command line does', async () => {
    const answer = {
      ...tokenAnswer('a"\\\u0020b/'),
      scope: 'é\u2028\ud83d\u007f\u0001',
      issuer: null,
      more: [[], {}, -1],
      expires_in: 0,
    }
    broker.routes.set('token', (_received, pending) => {
      pending('req_1', '123-456')
      return { value: answer }
    })
    const machine = await both(broker.home, ['token', 'ada', '--json'], {}, lone.program)
    expect(machine.stdout).toBe(`${said(answer)}\n`)
    expect(machine.stderr).toBe(`${said({ pending: { request_id: 'req_1', code: '123-456' } })}\n`)
    expect((await both(broker.home, ['token', 'ada'], {}, lone.program)).stdout).toBe('a"\\ b/\n')
  })

  it('asks what the command line asks, once', async () => {
    broker.routes.set('token', () => ({ value: tokenAnswer() }))
    const args = [
      'token',
      ' a “b” \\ \u007f',
      '--scope',
      'a b',
      '--resource',
      'https://x/',
      '--audience',
      'y',
      '--force-refresh',
    ]
    const more = ['--min-valid', '007', '--timeout', '5', '--interaction', 'notify', '--reason', 'z\u2028']
    await both(broker.home, [...args, ...more], {}, lone.program)
    expect(broker.received).toHaveLength(2)
    expect(broker.received[1]).toEqual(broker.received[0])
    expect(broker.received[0]?.body).toMatchObject({ min_valid_period: 7, force_refresh: true, reason: 'z\u2028' })
  })

  it('gives up in time, and says so', async () => {
    const asking = Promise.withResolvers<null>()
    const release = Promise.withResolvers<null>()
    broker.routes.set('token', async () => {
      asking.resolve(null)
      await release.promise
      return { value: tokenAnswer() }
    })
    // The least there is: what it waits longer than it asks the broker to.
    const { code, stdout, stderr } = await runFast(broker.home, ['token', 'ada', '--timeout', '0'], {}, lone.program)
    await asking.promise
    release.resolve(null)
    expect({ code, stdout, stderr }).toEqual({
      code: 5,
      stdout: '',
      stderr: 'valetkey: No answer within 15 seconds.\nrun: valetkey requests\n',
    })
  })

  it('takes its token only from a file that is ours alone', async () => {
    broker.routes.set('token', () => ({ value: tokenAnswer() }))
    const { cliToken } = broker.paths
    const places: readonly (readonly [string, () => void])[] = [
      [
        'open to others',
        () => {
          chmodSync(cliToken, 0o644)
        },
      ],
      [
        'missing',
        () => {
          rmSync(cliToken)
        },
      ],
      [
        'a link',
        () => {
          writeFileSync(`${cliToken}.real`, 'vk_x', { mode: 0o600 })
          symlinkSync(`${cliToken}.real`, cliToken)
        },
      ],
      [
        'a folder',
        () => {
          rmSync(cliToken)
          mkdirSync(cliToken, { mode: 0o700 })
        },
      ],
      [
        'no token',
        () => {
          rmSync(cliToken, { recursive: true })
          writeFileSync(cliToken, 'two words', { mode: 0o600 })
        },
      ],
      [
        'far too long',
        () => {
          writeFileSync(cliToken, 'x'.repeat(100_000), { mode: 0o600 })
        },
      ],
    ]
    for (const [what, make] of places) {
      make()
      expect(await runFast(broker.home, ['token', 'ada'], {}, lone.program), what).toEqual(handedOver)
      const { code, stdout } = await both(broker.home, ['token', 'ada'])
      expect({ what, refused: code !== 0, stdout }).toEqual({ what, refused: true, stdout: '' })
    }
    expect(broker.received).toEqual([])
  })
})
