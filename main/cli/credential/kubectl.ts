/**
 * What kubectl and its exec plugins exchange (Kubernetes reference, client authentication v1 and v1beta1). The rule: pure
 * text in and out; the answer is of the version that was asked for, and of no other.
 */
import type { TokenAnswer } from '../../contract/client-api.ts'
import { BrokerError } from '../../contract/errors.ts'

const group = 'client.authentication.k8s.io'
const versions = ['v1', 'v1beta1'].map((version) => `${group}/${version}`)

/** What `KUBERNETES_EXEC_INFO` says. */
export interface ExecInfo {
  readonly apiVersion: string
  /** Whether the plugin was given the person's terminal; `undefined` where nobody says. */
  readonly interactive?: boolean
  /** The cluster's address, where the configuration has `provideClusterInfo: true`. */
  readonly server?: string
}

/** Reads the variable; without one the newest version is meant. Throws `invalid_request`. */
export function parseExecInfo(text: string | undefined): ExecInfo {
  if (text === undefined || text === '') return { apiVersion: `${group}/v1` }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new BrokerError('invalid_request', 'KUBERNETES_EXEC_INFO is not JSON.', { cause })
  }
  const { apiVersion, kind, spec } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (kind !== 'ExecCredential' || typeof apiVersion !== 'string' || !versions.includes(apiVersion))
    throw new BrokerError(
      'invalid_request',
      `KUBERNETES_EXEC_INFO has to be an ExecCredential of ${versions.join(' or ')}; set apiVersion in the kubeconfig.`,
    )
  const { interactive, cluster } = (spec ?? {}) as Readonly<Record<string, unknown>>
  const { server } = (cluster ?? {}) as Readonly<Record<string, unknown>>
  return {
    apiVersion,
    ...(typeof interactive === 'boolean' && { interactive }),
    ...(typeof server === 'string' && URL.canParse(server) && { server }),
  }
}

export interface ExecCredential {
  readonly apiVersion: string
  readonly kind: 'ExecCredential'
  readonly status: { readonly token: string; readonly expirationTimestamp?: string }
}

/** The ExecCredential for a token. */
export function execCredential(apiVersion: string, { access_token, expires_at }: TokenAnswer): ExecCredential {
  const status = {
    token: access_token,
    // RFC 3339 in whole seconds.
    ...(expires_at !== null && {
      expirationTimestamp: new Date(expires_at * 1000).toISOString().replace('.000Z', 'Z'),
    }),
  }
  return { apiVersion, kind: 'ExecCredential', status }
}
