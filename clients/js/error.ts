/**
 * Every way a call can be refused, as one error with the broker's own code. The rule: `code` is from the closed list of
 * the contract, `resolve` says what the person can do, and nothing in it is a secret.
 */
import type { Candidate, ErrorBody, ErrorCode, Resolve } from '../../main/contract/errors.ts'

export interface ValetkeyErrorOptions {
  readonly cause?: unknown
  readonly resolve?: Resolve
  readonly requestId?: string
  readonly candidates?: readonly Candidate[]
  /** Seconds until asking again makes sense. */
  readonly retryAfter?: number
}

export class ValetkeyError extends Error {
  readonly code: ErrorCode
  /** What the person can do: a command to type, a page to open, the code to compare. */
  readonly resolve: Resolve | undefined
  /** The question that waits for the person; see `request`. */
  readonly requestId: string | undefined
  /** The accounts to choose from, with `account_selection_required`. */
  readonly candidates: readonly Candidate[] | undefined
  readonly retryAfter: number | undefined

  constructor(code: ErrorCode, message: string, options: ValetkeyErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ValetkeyError'
    this.code = code
    this.resolve = options.resolve
    this.requestId = options.requestId
    this.candidates = options.candidates
    this.retryAfter = options.retryAfter
  }
}

/** The error a refusal's body describes; `retryAfter` is the header's value, where there are headers. What is not such a body is `server_error`. */
export function refusalOf(body: unknown, retryAfter: string | null): ValetkeyError {
  const { error, error_description, resolve, request_id, candidates, retry_after } = (body ?? {}) as Partial<ErrorBody>
  if (typeof error !== 'string' || typeof error_description !== 'string')
    return new ValetkeyError('server_error', 'The broker refused without saying why.')
  const seconds = Number(retryAfter ?? retry_after ?? Number.NaN)
  return new ValetkeyError(error, error_description, {
    ...(resolve && { resolve }),
    ...(typeof request_id === 'string' && { requestId: request_id }),
    ...(Array.isArray(candidates) && { candidates }),
    ...(Number.isFinite(seconds) && { retryAfter: seconds }),
  })
}
