/**
 * A real browser that is signed in to the console, on a page that means harm: on another site, and on another port of
 * the same host, which browsers count as the same site. The rule: whatever the page tries, the broker is not asked, and
 * the page learns nothing.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, expectShown, launchBrowser, openWindow } from '../e2e/browser.ts'
import { startStandIn, type StandIn } from '../e2e/stand-in-broker.ts'

let browser: Browser
let house: StandIn
let pages: Server
let console: string

beforeAll(async () => {
  browser = await launchBrowser('--host-resolver-rules=MAP rebound.example 127.0.0.1')
  house = await startStandIn()
  console = new URL(house.console.url).origin
  // It may run what it likes and be shown in whatever it likes; it is the attacker's.
  pages = createServer((request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    const link = new URL(request.url ?? '/', 'http://x').searchParams.get('link')
    response.end(`<!doctype html><title>evil</title>${link === null ? '' : `<a href="${link}">a link</a>`}`)
  })
  await new Promise<void>((listening) => pages.listen(0, '127.0.0.1', listening))
})
afterAll(async () => {
  await browser.close()
  await house.close()
  pages.closeAllConnections()
  await new Promise((closed) => pages.close(closed))
})

const evil = (host: string): string => `http://${host}:${String((pages.address() as AddressInfo).port)}/`

/** A browser with a session, whose only open page is the attacker's, and a vault that must stay unlocked. */
async function lured(host: string): Promise<Page> {
  const { context, page } = await openWindow(browser, house)
  expect(await context.cookies(console)).toHaveLength(1)
  await page.goto(evil(host))
  expect(house.vault.state()).toBe('unlocked')
  return page
}

/** Everything a script can send by itself; answers what it could read of the answers. */
function attack(target: string): Promise<readonly string[]> {
  const tries: readonly (readonly [string, RequestInit])[] = [
    ['/v1/window/lock', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }],
    ['/v1/window/lock', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' }],
    ['/v1/window/lock', { method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' }, body: '{}' }],
    ['/v1/window/lock', { method: 'POST', mode: 'no-cors', body: new Blob(['{}'], { type: 'application/json' }) }],
    ['/v1/window/lock', { method: 'POST', mode: 'no-cors', body: '{}', keepalive: true }],
    ['/v1/window/snapshot', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }],
    ['/v1/window/events', {}],
    ['/', { mode: 'no-cors' }],
    ['/', {}],
  ]
  const read = tries.map(async ([path, init]) => {
    try {
      const answer = await fetch(target + path, { credentials: 'include', ...init })
      return `${answer.type} ${String(answer.status)} ${await answer.text()}`
    } catch {
      return 'nothing'
    }
  })
  const frame = document.createElement('iframe')
  frame.src = target
  document.body.append(frame)
  const sockets = [
    new Promise<string>((done) => {
      const socket = new WebSocket(target.replace('http', 'ws') + '/v1/window/events')
      socket.addEventListener('message', (event) => {
        done(String(event.data))
      })
      socket.addEventListener('close', () => {
        done('nothing')
      })
    }),
    new Promise<string>((done) => {
      const source = new EventSource(`${target}/v1/window/events`, { withCredentials: true })
      source.addEventListener('snapshot', (event: MessageEvent<string>) => {
        done(event.data)
      })
      source.addEventListener('error', () => {
        source.close()
        done('nothing')
      })
    }),
    new Promise<string>((done) => {
      const script = document.createElement('script')
      script.src = `${target}/v1/window/snapshot`
      script.addEventListener('load', () => {
        done('a script')
      })
      script.addEventListener('error', () => {
        done('nothing')
      })
      document.body.append(script)
    }),
    new Promise<string>((done) => {
      frame.addEventListener('load', () => {
        // Of another origin, so there is no document to look into.
        done(frame.contentDocument?.body.innerText ?? 'nothing')
      })
    }),
  ]
  navigator.sendBeacon(`${target}/v1/window/lock`, new Blob(['{}'], { type: 'text/plain' }))
  return Promise.all([...read, ...sockets])
}

/** A form that looks like a JSON body, sent to a new tab. */
function smuggle(target: string): void {
  const form = document.createElement('form')
  form.method = 'POST'
  form.action = `${target}/v1/window/lock`
  form.enctype = 'text/plain'
  form.target = '_blank'
  const field = document.createElement('input')
  field.name = '{"a":"'
  field.value = '"}'
  form.append(field)
  document.body.append(form)
  form.submit()
}

describe.each([
  ['another site', 'localhost'],
  ['another port of this host', '127.0.0.1'],
])('H7: a page on %s', (_name, host) => {
  it('H7: can read and do nothing by fetch, frame, script, stream, socket or beacon', { timeout: 60_000 }, async () => {
    const page = await lured(host)
    const learnt = await page.evaluate(attack, console)
    expect(learnt.filter((what) => what !== 'nothing' && what !== 'opaque 0 ')).toEqual([])
    expect(house.vault.state()).toBe('unlocked')
    await page.context().close()
  })

  it('H7: can do nothing by a form, and learns nothing of a tab it opens', { timeout: 60_000 }, async () => {
    const page = await lured(host)
    const [tab] = await Promise.all([page.context().waitForEvent('page'), page.evaluate(smuggle, console)])
    await expectShown(tab.getByText('access_denied'))
    expect(house.vault.state()).toBe('unlocked')
    const [opened] = await Promise.all([
      page.context().waitForEvent('page'),
      page.evaluate((target) => {
        Object.assign(window, { opened: window.open(target) })
      }, console),
    ])
    await expectShown(opened.getByRole('heading', { level: 1, name: 'Accounts' }))
    // Cross-origin-opener-policy: the opener's handle says "closed" and reaches nothing.
    expect(await page.evaluate(() => (window as unknown as { opened: Window | null }).opened?.closed ?? true)).toBe(
      true,
    )
    expect(await opened.evaluate(() => window.opener === null)).toBe(true)
    await page.context().close()
  })

  it('H7: a one-time link followed from it signs in all the same', { timeout: 60_000 }, async () => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(`${evil(host)}?link=${encodeURIComponent(house.console.newUrl())}`)
    await page.getByRole('link', { name: 'a link' }).click()
    await expectShown(page.getByRole('heading', { level: 1, name: 'Accounts' }))
    expect(new URL(page.url()).pathname).toBe('/')
    const [cookie] = await context.cookies(console)
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/', domain: '127.0.0.1', expires: -1 })
    expect(await page.evaluate(() => document.cookie)).toBe('')
    // Back leads to the page before the link, not to the used link.
    await page.goBack()
    expect(page.url()).toContain(evil(host))
    await context.close()
  })

  it('H7: a plain link to the console finds the session that is there', { timeout: 60_000 }, async () => {
    const { context, page } = await openWindow(browser, house)
    await page.goto(`${evil(host)}?link=${encodeURIComponent(`${console}/`)}`)
    await page.getByRole('link', { name: 'a link' }).click()
    await expectShown(page.getByRole('heading', { level: 1, name: 'Accounts' }))
    await context.close()
  })
})

describe('H6: DNS rebinding', () => {
  it('H6: a name of the attacker that points here is answered nothing', { timeout: 60_000 }, async () => {
    const page = await lured('localhost')
    const rebound = console.replace('127.0.0.1', 'rebound.example')
    const answer = await page.goto(rebound)
    expect(answer?.status()).toBe(403)
    const learnt = await page.evaluate(async () => {
      const call = await fetch('/v1/window/lock', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      })
      return call.status
    })
    expect(learnt).toBe(403)
    await eventually(
      () => house.vault.state(),
      (state) => state === 'unlocked',
    )
    await page.context().close()
  })
})
