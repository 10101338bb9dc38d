/**
 * Every way Valetkey can say no. One closed list: a code, the HTTP status it travels under, the exit status the command
 * line gives it. The rule: nothing leaves a process boundary as an error unless it is a `BrokerError` with a code from
 * here, a sentence a person can read and, where somebody can do something about it, a `resolve` hint.
 */

/** HTTP status (RFC 9110) and process exit status per code; DESIGN sections 4 and 5. */
export const errorTable = {
  invalid_request: { status: 400, exit: 2 },
  invalid_client: { status: 401, exit: 1 },
  pairing_required: { status: 401, exit: 5 },
  access_denied: { status: 403, exit: 6 },
  consent_required: { status: 403, exit: 5 },
  invalid_scope: { status: 403, exit: 6 },
  not_found: { status: 404, exit: 8 },
  account_selection_required: { status: 409, exit: 2 },
  login_required: { status: 409, exit: 5 },
  locked: { status: 423, exit: 4 },
  slow_down: { status: 429, exit: 1 },
  /** A fault of ours. Never an expected outcome. */
  server_error: { status: 500, exit: 1 },
  provider_error: { status: 502, exit: 7 },
  temporarily_unavailable: { status: 503, exit: 7 },
  timeout: { status: 504, exit: 5 },
  /** Only ever made by a client that found no broker to ask; it never travels. */
  not_running: { status: 503, exit: 3 },
} as const satisfies Record<string, { readonly status: number; readonly exit: number }>

export type ErrorCode = keyof typeof errorTable

/** What the reader of an error can do next: a command to type, a page to open, and the code that page will ask for. */
export interface Resolve {
  readonly command?: string
  readonly url?: string
  /** The short code to compare when approving; shown by the asking client. */
  readonly code?: string
}

/** An account the caller may choose instead, in `account_selection_required`. */
export interface Candidate {
  readonly id: string
  readonly label: string
  readonly provider: string
}

/** The JSON body of every refusal (shape of RFC 6749 section 5.2, extended). */
export interface ErrorBody {
  readonly error: ErrorCode
  readonly error_description: string
  readonly resolve?: Resolve
  readonly request_id?: string
  readonly candidates?: readonly Candidate[]
  /** Seconds until asking again makes sense; the same as `Retry-After`. */
  readonly retry_after?: number
}

export interface BrokerErrorOptions {
  readonly cause?: unknown
  readonly resolve?: Resolve
  readonly request_id?: string
  readonly candidates?: readonly Candidate[]
  /** Seconds until asking again makes sense; becomes `Retry-After`. */
  readonly retry_after?: number
  /** A more exact HTTP status for the same code (405, 413, 415, 426, 431). */
  readonly status?: number
}

export class BrokerError extends Error {
  readonly code: ErrorCode
  readonly resolve: Resolve | undefined
  readonly request_id: string | undefined
  readonly candidates: readonly Candidate[] | undefined
  readonly retry_after: number | undefined
  readonly status: number

  constructor(code: ErrorCode, description: string, options: BrokerErrorOptions = {}) {
    super(description, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BrokerError'
    this.code = code
    this.resolve = options.resolve
    this.request_id = options.request_id
    this.candidates = options.candidates
    this.retry_after = options.retry_after
    this.status = options.status ?? errorTable[code].status
  }

  /** The body that travels. The `cause` stays here: it may quote a provider. */
  toBody(): ErrorBody {
    return {
      error: this.code,
      error_description: this.message,
      ...(this.resolve && { resolve: this.resolve }),
      ...(this.request_id && { request_id: this.request_id }),
      ...(this.candidates && { candidates: this.candidates }),
      ...(this.retry_after !== undefined && { retry_after: this.retry_after }),
    }
  }
}

/** Any thrown thing as a `BrokerError`; what is not one already becomes `server_error` with the original as `cause`. */
export function asBrokerError(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown
  return new BrokerError('server_error', 'Valetkey made a mistake; the log has the details.', { cause: thrown })
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorTable, value)
}
