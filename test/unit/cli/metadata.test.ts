/** What the metadata servers decide without a broker: which scopes a resource means, statuses, and a child's environment. */
import { describe, expect, it } from 'vitest'
import type { TokenAnswer } from '../../../main/contract/client-api.ts'
import { BrokerError, errorTable, type ErrorCode } from '../../../main/contract/errors.ts'
import { resourceScope } from '../../../main/cli/metadata/azure-scopes.ts'
import { childEnvironment } from '../../../main/cli/metadata/child.ts'
import { parseProject } from '../../../main/cli/metadata/google.ts'
import { lifetime, now, statusOf } from '../../../main/cli/metadata/metadata.ts'

const management = 'https://management.azure.com/user_impersonation'

describe('the scope of a resource', () => {
  const rows: readonly (readonly [resource: string, granted: string, scope: string])[] = [
    ['https://vault.azure.net', '', 'https://vault.azure.net/.default'],
    ['https://vault.azure.net/', '', 'https://vault.azure.net/.default'],
    ['https://management.azure.com/', `openid ${management}`, management],
    ['https://management.core.windows.net/', `openid ${management}`, management],
    [
      'https://management.azure.com/',
      'https://management.azure.com//user_impersonation',
      'https://management.azure.com//user_impersonation',
    ],
    [
      'https://management.azure.com',
      `${management} https://management.azure.com/.default`,
      'https://management.azure.com/.default',
    ],
    ['https://graph.microsoft.com/', 'openid profile offline_access User.Read Mail.Send', 'User.Read Mail.Send'],
    ['https://graph.microsoft.com', 'https://graph.microsoft.com/User.Read', 'https://graph.microsoft.com/User.Read'],
    ['00000003-0000-0000-c000-000000000000', 'User.Read', 'User.Read'],
    ['https://graph.microsoft.com', `openid ${management}`, 'https://graph.microsoft.com/.default'],
    ['https://vault.azure.net', 'openid User.Read', 'https://vault.azure.net/.default'],
    ['https://vault.azure.net', 'https://vault.azure.net.evil.example/x', 'https://vault.azure.net/.default'],
    ['api://ledger', 'api://ledger/read api://ledger/write', 'api://ledger/read api://ledger/write'],
  ]
  it.each(rows)('%s of an account with “%s”', (resource, granted, scope) => {
    expect(resourceScope(resource, granted)).toBe(scope)
  })
})

describe('what an SDK is told', () => {
  it('tries again only what passes by itself', () => {
    const passing: readonly ErrorCode[] = [
      'slow_down',
      'temporarily_unavailable',
      'timeout',
      'not_running',
      'provider_error',
      'server_error',
    ]
    for (const code of Object.keys(errorTable) as ErrorCode[]) {
      const status = statusOf(new BrokerError(code, 'x'))
      expect(status === 429 || status >= 500, code).toBe(passing.includes(code))
    }
  })

  it('a token without an end is asked for again in an hour, one that has ended at once', () => {
    const token = (expires_at: number | null): TokenAnswer => ({ expires_at }) as TokenAnswer
    expect(lifetime(token(null))).toBe(3600)
    expect(lifetime(token(now() - 10))).toBe(0)
    expect(lifetime(token(now() + 100))).toBeGreaterThan(98)
  })

  it('a project id as Google writes them', () => {
    for (const id of ['blue-harbor-42', 'example.com:blue-harbor']) expect(parseProject(id)).toBe(id)
    for (const id of ['', 'short', 'Blue-Harbor', 'blue_harbor', '1blue-harbor', 'blue-harbor-', 'blue\nharbor'])
      expect(() => parseProject(id)).toThrow(/project id/u)
  })
})

describe('a child’s environment', () => {
  it('has the variables, and nothing of ours that is secret', () => {
    const env = { PATH: '/bin', VALETKEY_CLIENT_TOKEN: 'secret', GCE_METADATA_HOST: 'old' }
    expect(childEnvironment(env, { GCE_METADATA_HOST: 'new' })).toEqual({ PATH: '/bin', GCE_METADATA_HOST: 'new' })
  })

  it('excepts us from a proxy where there is one', () => {
    const env = { https_proxy: 'http://proxy.example', no_proxy: 'intranet.example' }
    expect(childEnvironment(env, {})).toEqual({ ...env, no_proxy: 'intranet.example,127.0.0.1', NO_PROXY: '127.0.0.1' })
    expect(childEnvironment({ HTTP_PROXY: 'x' }, {})).toHaveProperty('NO_PROXY', '127.0.0.1')
  })
})
