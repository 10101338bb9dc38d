/** Which account a server is given, and the words of git, Docker and kubectl, as pure functions. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseAccount, isLoopback, type ListedAccount } from '../../../main/cli/credential/account.ts'
import { parseServer, parseStored } from '../../../main/cli/credential/docker.ts'
import { gitAnswer, parseGitCredential } from '../../../main/cli/credential/git.ts'
import { execCredential, parseExecInfo } from '../../../main/cli/credential/kubectl.ts'
import { wordsOfName } from '../../../main/cli/invocation.ts'
import type { TokenAnswer } from '../../../main/contract/client-api.ts'
import { BrokerError } from '../../../main/contract/errors.ts'

const account = (label: string, more: Partial<ListedAccount> = {}): ListedAccount => ({
  ...{ id: `id-${label}`, label, provider: 'acme', state: 'connected', scope: '', rights: ['read'] },
  api_base_urls: ['https://api.acme.example/v1/'],
  ...more,
})
const git = { base_urls: ['https://git.acme.example/'], username: 'x-token' }
const work = account('work', { basic_authentication: git })
const at = (origin: string, username?: string): Parameters<typeof chooseAccount>[1] => ({
  origins: [origin],
  ...(username !== undefined && { username }),
})
const thrownBy = (act: () => unknown): BrokerError | undefined => {
  try {
    act()
  } catch (thrown) {
    if (thrown instanceof BrokerError) return thrown
    throw thrown
  }
  return undefined
}
const codeOf = (act: () => unknown): string | undefined => thrownBy(act)?.code

describe('the account for a server', () => {
  it.each([
    ['where it takes passwords', at('https://git.acme.example'), {}, 'x-token'],
    ['where its API is', at('https://api.acme.example'), {}, 'oauth2'],
    ['by another name than its own', at('https://api.acme.example', 'me'), {}, 'me'],
    ['by its own label, which is no name for a server', at('https://api.acme.example', 'work'), {}, 'oauth2'],
    ['with the name the person wants', at('https://git.acme.example', 'me'), { username: 'you' }, 'you'],
    ['at a host named for it', at('https://other.example'), { account: 'work', host: ['other.example'] }, 'oauth2'],
    ['at a port named for it', at('https://o.example:8443'), { account: 'work', host: ['o.example:8443'] }, 'oauth2'],
    ['at the usual port', at('https://o.example'), { account: 'work', host: ['O.example:443'] }, 'oauth2'],
    ['on this machine', at('http://127.0.0.1:5000'), { account: 'work', host: ['127.0.0.1:5000'] }, 'oauth2'],
  ])('is it %s', (_where, server, choosing, username) => {
    expect(chooseAccount([work], server, choosing)).toEqual({ account: work, username })
  })

  it.each([
    ['another host', at('https://git.acme.example.evil.example'), {}],
    ['another port', at('https://git.acme.example:8443'), {}],
    ['plain http', at('http://git.acme.example'), {}],
    ['a host named without the account', at('https://other.example'), { host: ['other.example'] }],
    ['a host named for plain http', at('http://other.example'), { account: 'work', host: ['other.example'] }],
    ['another port than the one named', at('https://o.example'), { account: 'work', host: ['o.example:8443'] }],
    [
      'a host that is none',
      at('https://other.example'),
      { account: 'work', host: ['other.example/', 'a@other.example'] },
    ],
  ])('is none for %s', (_where, server, choosing) => {
    expect(chooseAccount([work], server, choosing)).toBeUndefined()
  })

  it('is the named one of several, else nobody guesses', () => {
    const home = account('home', { basic_authentication: git })
    const server = at('https://git.acme.example')
    expect(codeOf(() => chooseAccount([work, home], server, {}))).toBe('account_selection_required')
    expect(codeOf(() => chooseAccount([work, home], server, { account: 'acme' }))).toBe('account_selection_required')
    expect(chooseAccount([work, home], at('https://git.acme.example', 'home'), {})?.account).toBe(home)
    expect(chooseAccount([work, home], server, { account: 'id-home' })?.account).toBe(home)
    expect(codeOf(() => chooseAccount([work], server, { account: 'play' }))).toBe('not_found')
  })

  it('is not known while the vault is locked, unless the person has said it', () => {
    const { api_base_urls: _api, basic_authentication: _basic, ...locked } = work
    const server = at('https://git.acme.example')
    expect(codeOf(() => chooseAccount([locked], server, {}))).toBe('locked')
    const named = { account: 'work', host: ['git.acme.example'] }
    expect(chooseAccount([locked], server, named)?.account).toBe(locked)
  })

  it.each([
    ['localhost', true],
    ['127.0.0.1', true],
    ['127.8.8.8', true],
    ['[::1]', true],
    ['127.0.0.1.evil.example', false],
    ['localhost.evil.example', false],
  ])('%s is this machine: %s', (hostname, isIt) => {
    expect(isLoopback(hostname)).toBe(isIt)
  })
})

const answer: TokenAnswer = {
  ...{ access_token: 'tok', token_type: 'Bearer', expires_in: 60, expires_at: 1_800_000_000, scope: '' },
  ...{ account: { id: 'a', label: 'a' }, provider: 'acme', token_id: 't', authorization: 'Bearer tok' },
}

describe('what git says and is told', () => {
  it('is read by key, unknown ones left out, lists begun anew by an empty one', () => {
    const lines = ['capability[]=authtype', 'protocol=https', 'host=h', 'path=a=b', 'new=1', 'wwwauth[]=Old']
    expect(parseGitCredential([...lines, 'wwwauth[]=', 'wwwauth[]=Bearer', '', 'host=other'].join('\n'))).toEqual({
      ...{ capabilities: ['authtype'], wwwauth: ['Bearer'], protocol: 'https', host: 'h', path: 'a=b' },
    })
    expect(codeOf(() => parseGitCredential('host=a\r\n'))).toBe('invalid_request')
    expect(codeOf(() => parseGitCredential('host=a\0b\n'))).toBe('invalid_request')
    expect(codeOf(() => parseGitCredential('=a\n'))).toBe('invalid_request')
    expect(codeOf(() => parseGitCredential('host=evil.example\nhost=git.example\n'))).toBe('invalid_request')
  })

  it('never has another key than those of an answer, whatever is in the token', () => {
    const asked = parseGitCredential('protocol=https\nhost=h\ncapability[]=authtype\nwwwauth[]=Bearer\n')
    const known = /^(?:capability\[\]|authtype|credential|ephemeral|username|password|password_expiry_utc)=\P{Cc}*$/u
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), fc.boolean(), (token, name, bearer) => {
        const given = { ...answer, access_token: token, authorization: bearer ? `Bearer ${token}` : token }
        let said: string
        try {
          said = gitAnswer(asked, name, given)
        } catch {
          return
        }
        for (const line of said.split('\n')) expect(line).toMatch(known)
      }),
    )
  })

  it('has no end where the token has none, and no scheme where the provider has none', () => {
    const asked = parseGitCredential('capability[]=authtype\nwwwauth[]=token realm="x", Digest\n')
    expect(gitAnswer(asked, 'jürgen', answer)).toContain('username=jürgen\n')
    expect(gitAnswer(asked, 'me', { ...answer, expires_at: null })).toBe('username=me\npassword=tok')
    expect(gitAnswer(asked, 'me', { ...answer, authorization: 'tok' })).toContain('password=tok')
    expect(gitAnswer(asked, 'me', { ...answer, authorization: 'token tok' })).toContain(
      'authtype=token\ncredential=tok',
    )
  })
})

describe('what Docker says', () => {
  it.each([
    ['ghcr.io', ['https://ghcr.io']],
    [' https://index.docker.io/v1/\n', ['https://index.docker.io']],
    ['localhost:5000', ['https://localhost:5000', 'http://localhost:5000']],
    ['http://127.0.0.1:5000', ['http://127.0.0.1:5000']],
  ])('%j is a registry', (text, origins) => {
    expect(parseServer(text)).toMatchObject({ url: text.trim(), origins })
  })

  it.each(['', ' ', 'a b', 'https://', 'ü.example'])('%j is none', (text) => {
    expect(codeOf(() => parseServer(text))).toBe('invalid_request')
  })

  it('is refused without being quoted', () => {
    for (const text of ['{"Secret":"hush"', '{"ServerURL":"a","Secret":"hush"}', '"hush"', 'null']) {
      const thrown = thrownBy(() => parseStored(text))
      expect(thrown?.code).toBe('invalid_request')
      expect(thrown?.cause).toBeUndefined()
      expect(String(thrown)).not.toContain('hush')
    }
  })
})

describe('what kubectl says and is told', () => {
  it('is of the version asked for', () => {
    const info = { apiVersion: 'client.authentication.k8s.io/v1beta1', kind: 'ExecCredential', spec: {} }
    expect(parseExecInfo(JSON.stringify(info))).toEqual({ apiVersion: info.apiVersion })
    expect(parseExecInfo('')).toEqual({ apiVersion: 'client.authentication.k8s.io/v1' })
    expect(codeOf(() => parseExecInfo('null'))).toBe('invalid_request')
    expect(execCredential('v', { ...answer, expires_at: null }).status).toEqual({ token: 'tok' })
    expect(execCredential('v', answer).status.expirationTimestamp).toBe('2027-01-15T08:00:00Z')
  })
})

describe('the names of this program', () => {
  it.each([
    ['/usr/bin/git-credential-valetkey', ['credential', 'git']],
    ['docker-credential-valetkey', ['credential', 'docker']],
    ['C:\\bin\\docker-credential-valetkey.exe', ['credential', 'docker']],
    ['/usr/bin/valetkey', []],
    ['/opt/app/dist/cli.cjs', []],
    ['/git-credential-valetkey/cli.cjs', []],
    ['evil-git-credential-valetkey', []],
    ['', []],
  ])('%s', (path, words) => {
    expect(wordsOfName(path)).toEqual(words)
  })
})
