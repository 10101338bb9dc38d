/** The files of the window, and what surrounds them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadAssets } from '../../../main/daemon/console-assets.ts'
import { answer, contentSecurityPolicy } from '../../../main/desktop/app-scheme.ts'
import { mayLoad } from '../../../main/desktop/hardening.ts'

const body = Buffer.from('<!doctype html>')
const assets = new Map([
  ['/', { type: 'text/html; charset=utf-8', body }],
  ['/assets/index-1.js', { type: 'text/javascript; charset=utf-8', body: Buffer.from('1') }],
])
const get = (url: string): Response => answer(assets, { method: 'GET', url })

describe('app://', () => {
  it('serves a file of the map by its exact address, with its type and the policy', async () => {
    const page = get('app://ui/')
    expect(page.status).toBe(200)
    expect(Buffer.from(await page.arrayBuffer())).toEqual(body)
    expect(Object.fromEntries(page.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
    for (const url of ['app://ui/assets/index-1.js', 'app://ui/assets/index-1.js?v=1', 'app://ui/#/prompt/1'])
      expect(get(url).status, url).toBe(200)
  })

  it.each([
    'app://ui',
    'app://ui/index.html',
    'app://ui//',
    'app://ui/assets',
    'app://ui/assets/',
    'app://ui/../package.json',
    'app://ui/..%2fpackage.json',
    'app://ui/%2e%2e/package.json',
    'app://ui/assets/..',
    'app://ui/assets%2findex-1.js',
    'app://ui/assets\\index-1.js',
    'app://ui/ASSETS/index-1.js',
    'app://ui/__proto__',
    'app://ui/constructor',
    'app://ui:80/',
    'app://user@ui/',
    'app://ui.evil/',
    'app://evil/',
    'APP://UI/',
    'file:///etc/passwd',
    'https://ui/',
    '',
  ])('has nothing at %s', async (url) => {
    const nothing = get(url)
    expect(nothing.status).toBe(404)
    expect(await nothing.text()).toBe('')
    expect(nothing.headers.get('content-security-policy')).toBe(contentSecurityPolicy)
  })

  it.each(['HEAD', 'POST', 'PUT', 'OPTIONS', 'get'])('does not answer %s', (method) => {
    expect(answer(assets, { method, url: 'app://ui/' }).status).toBe(405)
  })

  it('follows no link out of its folder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'valetkey-assets-'))
    onTestFinished(() => {
      rmSync(folder, { recursive: true, force: true })
    })
    const { symlinkSync } = await import('node:fs')
    writeFileSync(join(folder, 'index.html'), 'x')
    symlinkSync('/etc/passwd', join(folder, 'passwd.html'))
    expect([...(await loadAssets(folder)).keys()]).toEqual(['/'])
  })
})

describe('the content security policy', () => {
  const directives = new Map(contentSecurityPolicy.split('; ').map((one) => [one.split(' ')[0], one]))

  it('closes what falls back to nothing else', () => {
    for (const name of ['base-uri', 'form-action', 'frame-ancestors', 'connect-src', 'object-src', 'default-src'])
      expect(directives.get(name)).toBe(`${name} 'none'`)
  })

  it('lets scripts come from our own files and from nowhere else', () => {
    expect(directives.get('script-src')).toBe("script-src 'self'")
    expect(directives.get('require-trusted-types-for')).toBe("require-trusted-types-for 'script'")
    expect(contentSecurityPolicy).not.toMatch(/unsafe|\*|https?:|blob:/u)
  })
})

describe('what a page may load', () => {
  it.each(['app://ui/', 'app://ui/assets/x.js', 'data:image/svg+xml,x'])('%s', (url) => {
    expect(mayLoad(url)).toBe(true)
  })

  it.each([
    'https://example.com/',
    'http://127.0.0.1/',
    'app://ui.evil/',
    'app://other/',
    'file:///etc/passwd',
    'ws://x/',
    'data:text/html,x',
    'blob:app://ui/1',
  ])('not %s', (url) => {
    expect(mayLoad(url)).toBe(false)
  })
})
