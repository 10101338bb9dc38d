/** Every refusal says what to do next, whatever code it has and however little it knows itself. */
import { describe, expect, it } from 'vitest'
import { BrokerError, type ErrorBody, type ErrorCode, errorTable } from '../../../main/contract/errors.ts'
import { errorBody, errorHeaders } from '../../../main/endpoint/http-answer.ts'

const codes = Object.keys(errorTable) as ErrorCode[]
const bodyOf = (error: BrokerError): ErrorBody => JSON.parse(errorBody(error)) as ErrorBody

describe.each(codes)('%s', (code) => {
  it('names something to type', () => {
    expect(bodyOf(new BrokerError(code, 'No.')).resolve?.command).toMatch(/^valetkey (?:-|[a-z])/u)
  })

  it('gives way to what the error itself knows', () => {
    const error = new BrokerError(code, 'No.', {
      resolve: { command: 'valetkey approve q1', code: '123-456' },
      request_id: 'q1',
      retry_after: 7,
    })
    expect(bodyOf(error)).toMatchObject({
      error: code,
      resolve: { command: 'valetkey approve q1', code: '123-456' },
      request_id: 'q1',
      retry_after: 7,
    })
  })

  it('keeps a page or a code that has no command beside it', () => {
    const { resolve } = bodyOf(new BrokerError(code, 'No.', { resolve: { url: 'https://op.example' } }))
    expect(resolve).toMatchObject({ url: 'https://op.example' })
    expect(resolve?.command).toBeDefined()
  })
})

it('what passes by itself says when to come again, in the body as in the header', () => {
  for (const code of ['slow_down', 'temporarily_unavailable'] as const) {
    const error = new BrokerError(code, 'Later.')
    const headers = errorHeaders(error)
    expect(String(bodyOf(error).retry_after)).toBe(headers[headers.indexOf('Retry-After') + 1])
  }
  expect(bodyOf(new BrokerError('not_found', 'No.')).retry_after).toBeUndefined()
})
