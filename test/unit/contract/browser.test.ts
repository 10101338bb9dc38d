/** Which programs are tried for a URL, and that the URL stays one argument whatever is in it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { browserCommands, isWebAddress } from '../../../main/contract/browser.ts'

const url = 'https://op.example/authorize?a=b&c=%20d'

describe('browserCommands', () => {
  it.each<[platform: string, opener: readonly string[]]>([
    ['linux', ['xdg-open', url]],
    ['freebsd', ['xdg-open', url]],
    ['darwin', ['open', url]],
    ['win32', ['rundll32.exe', 'url.dll,FileProtocolHandler', url]],
  ])('ends, on %s, with what the system opens addresses with', (platform, opener) => {
    expect(browserCommands(url, {}, platform)).toEqual([opener])
    expect(browserCommands(url, { BROWSER: 'mine' }, platform)).toEqual([['mine', url], opener])
  })

  it.each<[browser: string, commands: readonly (readonly string[])[]]>([
    ['firefox', [['firefox', url]]],
    [
      'firefox:w3m',
      [
        ['firefox', url],
        ['w3m', url],
      ],
    ],
    [':firefox::', [['firefox', url]]],
    ['firefox --new-window', [['firefox', '--new-window', url]]],
    ['firefox %s --private', [['firefox', url, '--private']]],
    ['open-it --url=%s', [['open-it', `--url=${url}`]]],
    ['"/opt/my browser/run" "-p" \'a b\'', [['/opt/my browser/run', '-p', 'a b', url]]],
    ['sh -c "true; $(touch x)"', [['sh', '-c', 'true; $(touch x)', url]]],
    ['', []],
    ['  ', []],
  ])('reads $BROWSER %j', (browser, commands) => {
    expect(browserCommands(url, { BROWSER: browser }, 'linux')).toEqual([...commands, ['xdg-open', url]])
  })

  it('splits at semicolons on Windows, where a colon belongs to the drive', () => {
    expect(browserCommands(url, { BROWSER: String.raw`C:\b.exe;D:\c.exe` }, 'win32').slice(0, 2)).toEqual([
      [String.raw`C:\b.exe`, url],
      [String.raw`D:\c.exe`, url],
    ])
  })

  it('puts the address whole into exactly one argument, whatever is in it', () => {
    const browsers = fc.constantFrom('b', 'b %s', 'b -x --url %s', '"b c" -x', undefined)
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), browsers, (address, browser) => {
        fc.pre(!['b', 'b c', '-x', '--url', 'xdg-open'].includes(address))
        for (const command of browserCommands(address, { BROWSER: browser }, 'linux'))
          expect(command.filter((argument) => argument === address)).toHaveLength(1)
      }),
    )
  })
})

describe('isWebAddress', () => {
  it.each(['http://127.0.0.1:1/x', 'https://op.example/authorize?a=b#c', 'https://ö.example/'])(
    'takes %s',
    (address) => {
      expect(isWebAddress(address)).toBe(true)
    },
  )

  it.each([
    ...['', 'https://', 'HTTPS://op.example/', 'file:///etc/passwd', 'javascript:alert(1)', '--version', '-https://x/'],
    ...[
      ' https://x/',
      'https://x/ --remote',
      'https://x/\n',
      'https://x/\u0085',
      'app.valetkey:/callback/x',
      '/etc/passwd',
    ],
  ])('refuses %j', (address) => {
    expect(isWebAddress(address)).toBe(false)
  })
})
