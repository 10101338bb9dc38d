/**
 * Every way a call can be refused, as one error with the broker's own code. The rule: `code` is from the closed list of
 * the contract, `resolve` says what the person can do, and nothing in it is a secret.
 */
import type { Candidate, ErrorBody, ErrorCode, Resolve } from '../../main/contract/errors.ts'

export interface ValetkeyErrorOptions {
  readonly cause?: unknown
  readonly resolve?: Resolve | undefined
  readonly requestId?: string | undefined
  readonly candidates?: readonly Candidate[] | undefined
  /** Seconds until asking again makes sense. */
  readonly retryAfter?: number | undefined
}

export class ValetkeyError extends Error {
  readonly code: ErrorCode
  /** What the person can do: a command to type, a page to open, the code to compare. */
  declare readonly resolve: Resolve | undefined
  /** The question that waits for the person; see `request`. */
  declare readonly requestId: string | undefined
  /** The accounts to choose from, with `account_selection_required`. */
  declare readonly candidates: readonly Candidate[] | undefined
  declare readonly retryAfter: number | undefined

  constructor(code: ErrorCode, message: string, { cause, ...more }: ValetkeyErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ValetkeyError'
    this.code = code
    Object.assign(this, more)
  }
}

/** An error of ours with the command that helps. */
export function failure(code: ErrorCode, message: string, command: string, cause?: unknown): ValetkeyError {
  return new ValetkeyError(code, message, { cause, resolve: { command } })
}

/** Where no broker can be asked from: a web page, and a content script, whose requests are its page's. */
export const notHere = (): ValetkeyError =>
  new ValetkeyError('access_denied', 'Only an extension’s service worker and pages can ask.')

/**
 * The error a refusal's body describes; `retryAfter` is the header's value, where there are headers. What is not such a
 * body is `server_error`.
 */
export function refusalOf(body: unknown, retryAfter: string | null | undefined): ValetkeyError {
  const { error, error_description, resolve, request_id, candidates, retry_after } = (body ?? {}) as Partial<ErrorBody>
  if (typeof error !== 'string' || error_description === undefined)
    return new ValetkeyError('server_error', 'The broker’s answer makes no sense.')
  return new ValetkeyError(error, error_description, {
    ...{ resolve, requestId: request_id, candidates },
    retryAfter: Number(retryAfter ?? retry_after) || undefined,
  })
}
