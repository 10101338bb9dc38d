/** Addresses of our scheme on command lines (rows C3, C7 and C8 of the adversarial cases). */
import { EventEmitter } from 'node:events'
import type { App } from 'electron'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collectRedirects, isRedirect, listenForRedirects, readArguments } from '../../../main/desktop/deep-links.ts'

const url = 'app.valetkey:/callback/gitlab?code=abc&state=x-_~1&iss=https%3A%2F%2Fgitlab.com'
const electron = 'C:\\Program Files\\Valetkey\\Valetkey.exe'

describe('C7: a command line', () => {
  it.each([
    ['alone', [electron, url]],
    ['not last', [electron, url, '--allow-file-access-from-files']],
    [
      'between Chromium’s switches',
      [electron, '--enable-crash-reporter=1', '--user-data-dir=C:\\x', url, '--type=y', '/prefetch:1'],
    ],
    ['with an inspector asked for', [electron, '--inspect=0', url]],
    ['behind a double dash', [electron, '--', url]],
    ['in development', ['/opt/electron', '/home/x/valetkey', url]],
  ])('gives the one address, %s', (_where, argv) => {
    expect(readArguments(argv)).toEqual({ kind: 'redirect', url })
  })

  it.each([
    ['two addresses', [electron, url, 'app.valetkey:/callback/github?code=evil']],
    ['the same twice', [electron, url, url]],
    ['an address that brings a switch along', [electron, `${url}" --inspect=0`]],
    ['a quote', [electron, `${url}"`]],
    ['a blank', [electron, `${url} x`]],
    ['a line break', [electron, `${url}\n--inspect=0`]],
    ['a blank before it', [electron, ` ${url}`]],
    ['an empty callback', [electron, 'app.valetkey:/callback/']],
    ['another path', [electron, 'app.valetkey:/settings']],
    ['megabytes', [electron, `${url}${'a'.repeat(2_000_000)}`]],
  ])('drops %s', (_what, argv) => {
    expect(readArguments(argv)).toEqual({ kind: 'dropped' })
  })

  it.each([
    ['nothing', []],
    ['no address', [electron, '--hidden']],
    ['another scheme', [electron, 'https://example.com/?x=app.valetkey:/callback/gitlab']],
    ['an address inside a switch', [electron, `--url=${url}`]],
  ])('is an ordinary start with %s', (_what, argv) => {
    expect(readArguments(argv)).toEqual({ kind: 'start' })
  })

  it('never takes an address out of anything but one whole argument', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (argv) => {
        const read = readArguments(argv)
        return read.kind !== 'redirect' || argv.filter((argument) => argument === read.url).length === 1
      }),
    )
  })
})

describe('C3: only the registered form', () => {
  it.each([
    'app.valetkey://callback/gitlab?code=1',
    'app.valetkey:callback/gitlab?code=1',
    'APP.VALETKEY:/callback/gitlab?code=1',
    'app.valetkey:/Callback/gitlab?code=1',
    'app.valetkey:/x/../callback/gitlab?code=1',
    'app.valetkey:/callback?code=1',
    'app.valetkey.evil:/callback/gitlab?code=1',
    'xapp.valetkey:/callback/gitlab?code=1',
    'app.valetkey:/callback/gitlab?code=<script>',
    'app.valetkey:/callback/gitlab\\..',
  ])('not %s', (text) => {
    expect(isRedirect(text)).toBe(false)
  })

  it('the exact one', () => {
    expect(isRedirect(url)).toBe(true)
  })
})

describe('C8: an address before anybody can take it', () => {
  it('waits, in order, and few of them', () => {
    const redirects = collectRedirects()
    for (let i = 0; i < 10_000; i++) redirects.offer(`app.valetkey:/callback/p?n=${String(i)}`)
    const taken: string[] = []
    redirects.deliverTo((one) => taken.push(one))
    expect(taken).toEqual(Array.from({ length: 8 }, (_, i) => `app.valetkey:/callback/p?n=${String(i)}`))
    redirects.offer(url)
    redirects.offer('app.valetkey:/other')
    expect(taken.slice(8)).toEqual([url])
  })

  it('comes from the command line that started us, and from macOS’s event', () => {
    const app = new EventEmitter()
    const redirects = collectRedirects()
    listenForRedirects(app as App, [electron, '--inspect=0', url], redirects)
    let prevented = 0
    const event = { preventDefault: () => void prevented++ }
    app.emit('open-url', event, 'app.valetkey:/callback/p?from=macos')
    app.emit('open-url', event, 'app.valetkey://evil')
    const taken: string[] = []
    redirects.deliverTo((one) => taken.push(one))
    expect(taken).toEqual([url, 'app.valetkey:/callback/p?from=macos'])
    expect(prevented).toBe(2)
  })
})
