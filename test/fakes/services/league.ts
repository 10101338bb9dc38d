/**
 * The refusals of thephpleague/oauth2-server 8 (`OAuthServerException`), as Deskpro is expected to give them. The rule: the
 * texts, codes and statuses are the source's, and which of them applies is the emulator's business.
 */
import type { Params } from './common.ts'

export interface Refusal {
  readonly status: number
  readonly error: string
  readonly error_description: string
  readonly hint?: string
}

export const invalidRequest = (parameter: string, hint = `Check the \`${parameter}\` parameter`): Refusal => ({
  status: 400,
  error: 'invalid_request',
  error_description:
    'The request is missing a required parameter, includes an invalid parameter value, ' +
    'includes a parameter more than once, or is otherwise malformed.',
  hint,
})

export const invalidClient: Refusal = {
  status: 401,
  error: 'invalid_client',
  error_description: 'Client authentication failed',
}

export const invalidGrant = (hint: string): Refusal => ({
  status: 400,
  error: 'invalid_grant',
  error_description:
    'The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh token is ' +
    'invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued ' +
    'to another client.',
  hint,
})

export const unsupportedGrant: Refusal = {
  status: 400,
  error: 'unsupported_grant_type',
  error_description: 'The authorization grant type is not supported by the authorization server.',
  hint: 'Check that all required parameters have been provided',
}

/** `OAuthServerException::getPayload`, which repeats the description as the deprecated `message`. */
export const payloadOf = ({ error, error_description, hint }: Refusal): Params => ({
  error,
  error_description,
  ...(hint !== undefined && { hint }),
  message: error_description,
})
