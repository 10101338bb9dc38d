/** The closed list of refusals: DESIGN's numbers, the body that travels, and that a cause does not travel with it. */
import { describe, expect, it } from 'vitest'
import { asBrokerError, BrokerError, errorTable, isErrorCode, type ErrorCode } from '../../../main/contract/errors.ts'

/** HTTP status and exit status of each code, as the design page and the command line's manual give them. */
const published: Readonly<Record<ErrorCode, readonly [status: number, exit: number]>> = {
  invalid_request: [400, 2],
  invalid_client: [401, 1],
  pairing_required: [401, 5],
  access_denied: [403, 6],
  consent_required: [403, 5],
  invalid_scope: [403, 6],
  not_found: [404, 8],
  account_selection_required: [409, 2],
  login_required: [409, 5],
  locked: [423, 4],
  slow_down: [429, 1],
  server_error: [500, 1],
  provider_error: [502, 7],
  temporarily_unavailable: [503, 7],
  timeout: [504, 5],
  not_running: [503, 3],
}

describe('the table', () => {
  it('is the published one, no code more and no code less', () => {
    const ours = Object.entries(errorTable).map(([code, { status, exit }]) => [code, [status, exit]])
    expect(Object.fromEntries(ours)).toEqual(published)
  })

  it('has for every code an HTTP error and an exit status that is no success', () => {
    for (const { status, exit } of Object.values(errorTable)) {
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(600)
      expect(exit).toBeGreaterThan(0)
      expect(exit).toBeLessThan(126)
    }
  })

  it('knows its own codes and nothing else', () => {
    expect(Object.keys(published).filter(isErrorCode)).toEqual(Object.keys(published))
    expect(['', 'invalid_grant', 'toString', '__proto__', 1, null, undefined].filter(isErrorCode)).toEqual([])
  })
})

describe('BrokerError', () => {
  it('takes its status from the table unless a more exact one is given', () => {
    for (const code of Object.keys(published).filter(isErrorCode))
      expect(new BrokerError(code, 'No.').status).toBe(errorTable[code].status)
    expect(new BrokerError('invalid_request', 'Too large.', { status: 413 }).status).toBe(413)
  })

  it('travels with what the reader can act on', () => {
    const error = new BrokerError('consent_required', 'Ask the person.', {
      resolve: { command: 'valetkey approve rq_1', code: 'ABCD' },
      request_id: 'rq_1',
      candidates: [{ id: 'ac_1', label: 'work', provider: 'example' }],
      retry_after: 5,
    })
    expect(error.toBody()).toStrictEqual({
      error: 'consent_required',
      error_description: 'Ask the person.',
      resolve: { command: 'valetkey approve rq_1', code: 'ABCD' },
      request_id: 'rq_1',
      candidates: [{ id: 'ac_1', label: 'work', provider: 'example' }],
      retry_after: 5,
    })
  })

  it('keeps its cause to itself', () => {
    const error = new BrokerError('provider_error', 'It answered 500.', { cause: new Error('rt-secret') })
    expect(error.cause).toBeInstanceOf(Error)
    expect(error.toBody()).toStrictEqual({ error: 'provider_error', error_description: 'It answered 500.' })
  })
})

describe('asBrokerError', () => {
  it('leaves a BrokerError as it is', () => {
    const error = new BrokerError('locked', 'Locked.')
    expect(asBrokerError(error)).toBe(error)
  })

  it.each([[new TypeError('rt-secret is not a function')], ['rt-secret'], [undefined], [null]])(
    'makes of %s a fault of ours that says nothing of it',
    (thrown) => {
      const error = asBrokerError(thrown)
      expect(error.code).toBe('server_error')
      expect(error.cause).toBe(thrown)
      expect(JSON.stringify(error.toBody())).not.toContain('rt-secret')
    },
  )
})
