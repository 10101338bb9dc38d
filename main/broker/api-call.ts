/**
 * A call of an API as the broker's ports speak of it. The rule: what is sent with it comes from the account's own rules, and
 * what its answer means for the token does too.
 */

/** A call of an API, as the fields that authorise it have to know it; the DPoP proof does (RFC 9449 section 4.2). */
export interface ApiCall {
  readonly method: string
  /** Absolute, as it will be sent. */
  readonly url: string
  /** What the API last gave for such calls (RFC 9449 section 9). */
  readonly nonce?: string
}

export interface ApiAnswer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** As text; `null`: it cannot be read. Absent: nobody has looked at it yet. */
  readonly body?: string | null
}

/**
 * What an API's answer says about the token it was called with. `expired`: a new token, and once more. `forbidden`: a new
 * token would not help. `accepted`: nothing against it. `unknown`: only the body, which was not given, can tell.
 */
export type TokenVerdict = 'accepted' | 'expired' | 'forbidden' | 'unknown'
