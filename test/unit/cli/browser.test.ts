/** Which commands open the browser, and that opening works through none of them but as told. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { browserCommands, openBrowser } from '../../../main/cli/browser.ts'

const url = 'https://login.example/authorize?a=1&b=$(id)%20;c'

describe('$BROWSER', () => {
  const first = (value: string, platform = 'linux'): readonly string[] | undefined =>
    browserCommands(url, { BROWSER: value }, platform)[0]

  it.each([
    ['firefox', ['firefox', url]],
    ['firefox --new-window', ['firefox', '--new-window', url]],
    ['open-it %s --quiet', ['open-it', url, '--quiet']],
    ['open-it --url=%s', ['open-it', `--url=${url}`]],
    [`"/opt/my browser/run" 'a b' %s`, ['/opt/my browser/run', 'a b', url]],
    ['  spaced   out  ', ['spaced', 'out', url]],
  ])('%j', (value, expected) => {
    expect(first(value)).toEqual(expected)
  })

  it('is a list, tried in order, before what the OS has', () => {
    expect(browserCommands(url, { BROWSER: 'one:two %s::' }, 'linux')).toEqual([
      ['one', url],
      ['two', url],
      ['xdg-open', url],
    ])
  })

  it('keeps the colon of a drive on Windows', () => {
    const commands = browserCommands(url, { BROWSER: '"C:\\Program Files\\x.exe";two' }, 'win32')
    expect(commands).toEqual([
      ['C:\\Program Files\\x.exe', url],
      ['two', url],
      ['rundll32.exe', 'url.dll,FileProtocolHandler', url],
    ])
  })

  it('is not needed', () => {
    expect(browserCommands(url, {}, 'linux')).toEqual([['xdg-open', url]])
    expect(browserCommands(url, { BROWSER: '' }, 'darwin')).toEqual([['open', url]])
  })
})

describe('opening', () => {
  let folder: string
  let program: string
  const opened = (): readonly string[] => readFileSync(join(folder, 'opened'), 'utf8').split('\n')

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vk-browser-'))
    program = join(folder, 'browser')
    writeFileSync(
      program,
      `#!/bin/sh\nfor word; do printf '%s\\n' "$word"; done > "${folder}/opened"\nprintf '%s' "$VALETKEY_CLIENT_TOKEN" >> "${folder}/opened"\n`,
    )
    chmodSync(program, 0o700)
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  it('hands the address over as one word, through no shell, without our token', async () => {
    const env = { PATH: process.env['PATH'], BROWSER: `${program} -x`, VALETKEY_CLIENT_TOKEN: 'secret' }
    expect(await openBrowser(url, env, 'linux')).toBe(true)
    expect(opened()).toEqual(['-x', url, ''])
  })

  it('goes on to the next command when one is missing or fails', async () => {
    const env = { PATH: process.env['PATH'], BROWSER: `/nonexistent/browser:false:${program}` }
    expect(await openBrowser(url, env, 'linux')).toBe(true)
    expect(opened()[0]).toBe(url)
  })

  it('says so when there is nothing to open it with', async () => {
    expect(await openBrowser(url, { PATH: folder, BROWSER: '/nonexistent/browser' }, 'linux')).toBe(false)
  })

  it.each(['file:///etc/passwd', '--version', 'javascript:alert(1)', 'https://a b', 'app.valetkey:/callback'])(
    'opens no %s',
    async (address) => {
      expect(await openBrowser(address, { PATH: process.env['PATH'], BROWSER: program }, 'linux')).toBe(false)
      expect(existsSync(join(folder, 'opened'))).toBe(false)
    },
  )
})
