/** The hand-written reader of `valetkey token`'s arguments: what is taken, and what is refused by name. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BrokerError } from '../../../main/contract/errors.ts'
import { clientCalls } from '../../../main/contract/client-api.ts'
import { parseTokenArguments, tokenOptions, wantsJson } from '../../../main/cli/token-arguments.ts'

const refused = (...argv: readonly string[]): BrokerError => {
  try {
    parseTokenArguments(argv)
  } catch (thrown) {
    if (thrown instanceof BrokerError) return thrown
  }
  throw new Error('was not refused')
}

function outcome(argv: readonly string[]): string {
  try {
    return parseTokenArguments(argv).request.account === '' ? 'taken without an account' : 'taken'
  } catch (thrown) {
    return thrown instanceof BrokerError ? thrown.code : String(thrown)
  }
}

describe('the arguments of token', () => {
  it('are an account and nothing else by default', () => {
    expect(parseTokenArguments(['ada@example.com'])).toEqual({
      request: { account: 'ada@example.com' },
      header: false,
      json: false,
    })
  })

  it('become the members of the request, in both spellings of an option', () => {
    const spaced = [
      ...['--scope', 'a b', '--resource', 'https://api.example', '--audience', 'aud', '--min-valid', '60'],
      ...[
        '--force-refresh',
        '--interaction',
        'never',
        '--timeout',
        '5',
        '--reason',
        'nightly --run',
        '--header',
        '--as',
        'deploy',
        'work',
      ],
    ]
    const joined = [
      ...[
        'work',
        '--scope=a b',
        '--resource=https://api.example',
        '--audience=aud',
        '--min-valid=60',
        '--force-refresh',
      ],
      ...['--interaction=never', '--timeout=5', '--reason=nightly --run', '--header', '--as=deploy'],
    ]
    const expected = {
      request: {
        account: 'work',
        scope: 'a b',
        resource: 'https://api.example',
        audience: 'aud',
        min_valid_period: 60,
        force_refresh: true,
        interaction: 'never',
        timeout: 5,
        reason: 'nightly --run',
      },
      header: true,
      json: false,
      as: 'deploy',
    }
    expect(parseTokenArguments(spaced)).toEqual(expected)
    expect(parseTokenArguments(joined)).toEqual(expected)
    expect(clientCalls.token(parseTokenArguments(spaced).request, '')).toEqual(expected.request)
  })

  it('may follow -- when a label looks like an option', () => {
    expect(parseTokenArguments(['--json', '--', '--odd'])).toMatchObject({ request: { account: '--odd' }, json: true })
  })

  it.each([
    [[], 'Which account'],
    [[''], 'Which account'],
    [['a', 'b'], 'quote a label'],
    [['a', '--bogus'], '--bogus'],
    [['a', '--bogus=secret'], '"--bogus"'],
    [['a', '-s'], '"-s"'],
    [['a', '--scope'], '--scope needs'],
    [['a', '--scope=x', '--scope=y'], 'twice'],
    [['a', '--header=yes'], 'takes no value'],
    [['a', '--header', '--json'], 'one of'],
    [['a', '--interaction', 'maybe'], 'never, notify or prompt'],
    [['a', '--timeout', '601'], '0 to 600'],
    [['a', '--timeout', '-1'], 'whole seconds'],
    [['a', '--min-valid', '1.5'], 'whole seconds'],
    [['a', '--min-valid', '1e3'], 'whole seconds'],
    [['a', '--min-valid', ''], 'whole seconds'],
    [['a', '--constructor', 'x'], '--constructor'],
  ])('are refused: %j', (argv, words) => {
    const error = refused(...argv)
    expect(error.code).toBe('invalid_request')
    expect(error.message).toContain(words)
    expect(error.resolve?.command).toBe('valetkey token --help')
  })

  it('never repeat the value of an unknown option, which may be a secret', () => {
    expect(refused('a', '--client-token=hunter2').message).not.toContain('hunter2')
  })

  it('end in a request or in an error that says what to do, whatever the words', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom(...tokenOptions.map(({ name }) => `--${name}`), '--', '-', '--scope='),
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
        expect(['taken', 'invalid_request']).toContain(outcome(argv))
      }),
    )
  })
})

describe('wantsJson', () => {
  it('is told by --json before --', () => {
    expect(wantsJson(['a', '--json'])).toBe(true)
    expect(wantsJson(['a', '--', '--json'])).toBe(false)
    expect(wantsJson(['a'])).toBe(false)
  })
})
