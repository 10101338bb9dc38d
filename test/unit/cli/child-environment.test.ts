/** Which variables a token may be put into, and what to do after a refusal. */
import { describe, expect, it } from 'vitest'
import { nameForLabel, parseWishes, requireNames } from '../../../main/cli/child-environment.ts'
import { bodyWithStep, nextStep } from '../../../main/cli/next-step.ts'
import { BrokerError, type ErrorCode, errorTable } from '../../../main/contract/errors.ts'

describe('the name of a variable', () => {
  it.each([
    ...['API_TOKEN', 'GITHUB_TOKEN', 'GH_TOKEN', 'NODE_AUTH_TOKEN', 'NPM_TOKEN', 'GIT_TOKEN', 'token', '_', 'A1'],
    ...['VALETKEY_TOKEN_ADA', 'PATHS', 'MY_PATH', 'OPENAI_API_KEY', 'HOMEASSISTANT_TOKEN', 'CARGO_REGISTRY_TOKEN'],
  ])('may be %s', (name) => {
    expect(() => {
      requireNames([name])
    }).not.toThrow()
  })

  it.each([
    ...['PATH', 'Path', 'HOME', 'SHELL', 'IFS', 'ENV', 'BASH_ENV', 'PS4', 'LD_PRELOAD', 'LD_LIBRARY_PATH', 'LD_AUDIT'],
    ...['DYLD_INSERT_LIBRARIES', 'NODE_OPTIONS', 'NODE_PATH', 'NODE_EXTRA_CA_CERTS', 'NODE_TLS_REJECT_UNAUTHORIZED'],
    ...['npm_config_script_shell', 'PYTHONPATH', 'PYTHONSTARTUP', 'PERL5OPT', 'PERL5LIB', 'RUBYOPT', 'CLASSPATH'],
    ...['JAVA_TOOL_OPTIONS', '_JAVA_OPTIONS', 'GIT_SSH_COMMAND', 'GIT_CONFIG_COUNT', 'GIT_CONFIG_KEY_0', 'GIT_ASKPASS'],
    ...['SSH_ASKPASS', 'HTTPS_PROXY', 'https_proxy', 'SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'OPENSSL_CONF', 'EDITOR'],
    ...['XDG_CONFIG_HOME', 'ELECTRON_RUN_AS_NODE', 'GLIBC_TUNABLES', 'VALETKEY_SOCK', 'VALETKEY_CLIENT_TOKEN'],
    ...['', '1A', 'A-B', 'A B', 'A=B', 'Ä', 'A\0', 'A'.repeat(129)],
  ])('may not be %j', (name) => {
    expect(() => {
      requireNames([name])
    }).toThrow(BrokerError)
  })

  it('is for one token, on every system', () => {
    expect(() => parseWishes(['A=x', 'a=y'], [])).toThrow(/two tokens/u)
  })

  it('is made of a label where none is given', () => {
    expect(nameForLabel('Ada Lovelace (work)')).toBe('VALETKEY_TOKEN_ADA_LOVELACE_WORK')
    expect(nameForLabel('ada@example.com')).toBe('VALETKEY_TOKEN_ADA_EXAMPLE_COM')
    expect(() => nameForLabel('漢字')).toThrow(/--env NAME=ACCOUNT/u)
  })

  it('goes before the first equals sign', () => {
    expect(parseWishes(['A=b=c'], ['d'])).toEqual([{ name: 'A', account: 'b=c' }, { account: 'd' }])
  })
})

describe('what to do next', () => {
  it.each(Object.keys(errorTable) as ErrorCode[])('is known for %s', (code) => {
    const error = new BrokerError(code, 'No.')
    for (const command of [undefined, 'token', 'approve'])
      expect(nextStep(error, command)?.command).toMatch(/^valetkey \S/u)
    expect(bodyWithStep(error, 'token')).toMatchObject({
      error: code,
      resolve: { command: expect.any(String) as string },
    })
  })

  it('is what the error says, where it says it', () => {
    const said = new BrokerError('not_found', 'No.', { resolve: { url: 'https://a.example' } })
    expect(bodyWithStep(said, 'token').resolve).toEqual({ url: 'https://a.example' })
    expect(nextStep(new BrokerError('slow_down', 'Wait.', { retry_after: 3 }), 'token')).toBeUndefined()
  })
})
