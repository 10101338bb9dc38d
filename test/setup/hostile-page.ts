/**
 * A web page that tries every way a page has to reach a server on this machine (threat row 1), and what came of each. The
 * rule: nothing here knows whether it should work, so that the same page shows on a server without any guard that its
 * attempts are real.
 */
import type { Page } from 'playwright-core'
import { listen, type Listener } from './extension.ts'

/** What a page could read of its attempts, by shape; `null` for nothing. */
export type Loot = Readonly<Record<string, string | null>>

/** The eight shapes, as a browser names them: method, `Sec-Fetch-Mode`, `Sec-Fetch-Dest`; the WebSocket by its upgrade. */
export const shapes: readonly string[] = [
  'GET cors empty',
  'POST cors empty',
  'GET no-cors empty',
  'POST no-cors empty',
  'POST navigate iframe',
  'GET no-cors image',
  'GET navigate iframe',
  'WebSocket',
  'GET navigate document',
  'GET cors empty text/event-stream',
]

/** A server that answers everything, and lets every origin read it. */
export async function startCareless(): Promise<Listener & { readonly seen: string[]; readonly bodies: string[] }> {
  const seen: string[] = []
  const bodies: string[] = []
  const listener = await listen((request, response) => {
    const { 'sec-fetch-mode': mode, 'sec-fetch-dest': dest, accept = '', origin = '*' } = request.headers
    const events = accept === 'text/event-stream' ? ` ${accept}` : ''
    seen.push(
      request.headers.upgrade === 'websocket'
        ? 'WebSocket'
        : `${request.method ?? ''} ${String(mode)} ${String(dest)}${events}`,
    )
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => (body += part))
    request.on('end', () => {
      if (body !== '') bodies.push(body)
      response
        .writeHead(200, {
          'Content-Type': events === '' ? 'application/json' : 'text/event-stream',
          ...{ 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Headers': 'authorization, content-type' },
          'Access-Control-Allow-Credentials': 'true',
        })
        .end(events === '' ? '{"read":"by the page"}' : 'data: read\n\n')
    })
  })
  return { ...listener, seen, bodies }
}

/** Tries all of it from `page` on `target` (an origin); `token` is one the page has got hold of. Ends when all have ended. */
export async function attack(page: Page, target: string, token: string): Promise<Loot> {
  return page.evaluate(
    async ([base, credential]) => {
      const pair = JSON.stringify({ name: 'page', kind: 'agent' })
      const ask = JSON.stringify({ account: 'ada', interaction: 'prompt', timeout: 5 })
      const late = (work: Promise<string | null>): Promise<string | null> =>
        Promise.race([work, new Promise<null>((resolve) => setTimeout(resolve, 4_000, null))]).catch(() => null)
      const get = (path: string, init: RequestInit = {}): Promise<string | null> =>
        fetch(base + path, init).then(async (answer) => (await answer.text()) || null)
      const authorization = `Bearer ${credential}`
      const json = { 'content-type': 'application/json' }
      const nonce = '/v1/hello?nonce=AAAAAAAAAAAAAAAAAAAAAA'
      const element = (name: 'iframe' | 'img', src: string): Promise<string | null> =>
        new Promise((resolve) => {
          const made = document.createElement(name)
          made.addEventListener('error', () => {
            resolve(null)
          })
          made.addEventListener('load', () => {
            const read = made instanceof HTMLIFrameElement ? made.contentDocument?.body.textContent : 'an image'
            resolve(read ?? null)
          })
          made.src = src
          document.body.append(made)
        })
      const submit = (path: string, enctype: string, name: string, value: string): Promise<string | null> =>
        new Promise((resolve) => {
          const frame = document.createElement('iframe')
          frame.name = `frame-${enctype}-${path}`
          document.body.append(frame)
          frame.addEventListener('load', () => {
            resolve(frame.contentDocument ? frame.contentDocument.body.textContent : null)
          })
          const form = document.createElement('form')
          Object.assign(form, { action: base + path, method: 'post', enctype, target: frame.name })
          const field = document.createElement('input')
          Object.assign(field, { name, value })
          form.append(field)
          document.body.append(form)
          form.submit()
        })
      const socket = (): Promise<string | null> =>
        new Promise((resolve) => {
          const opened = new WebSocket(`${base.replace('http', 'ws')}/v1/token`)
          opened.addEventListener('open', () => {
            resolve('open')
          })
          opened.addEventListener('error', () => {
            resolve(null)
          })
        })
      const events = (): Promise<string | null> =>
        new Promise((resolve) => {
          const source = new EventSource(`${base}/v1/status`)
          const end = (loot: string | null): void => {
            source.close()
            resolve(loot)
          }
          source.addEventListener('message', ({ data }: MessageEvent<string>) => {
            end(data)
          })
          source.addEventListener('error', () => {
            end(null)
          })
        })
      const visit = async (path: string): Promise<string | null> => {
        const opened = window.open(base + path)
        for (let i = 0; i < 20; i++) {
          await new Promise((resolve) => setTimeout(resolve, 100))
          try {
            if (opened?.location.href.startsWith(base)) return opened.document.body.textContent
          } catch {
            return null
          }
        }
        return null
      }
      const attempts: Readonly<Record<string, Promise<string | null>>> = {
        'fetch GET': late(get(nonce)),
        'fetch GET with a token': late(get('/v1/accounts', { headers: { authorization } })),
        'fetch POST that needs no preflight': late(get('/v1/pair', { method: 'POST', body: pair })),
        'fetch POST of JSON': late(get('/v1/pair', { method: 'POST', body: pair, headers: json })),
        'fetch POST with a token': late(
          get('/v1/token', { method: 'POST', body: ask, headers: { ...json, authorization } }),
        ),
        'fetch with credentials': late(get(nonce, { credentials: 'include' })),
        'no-cors GET': late(get('/v1/status', { mode: 'no-cors' })),
        'no-cors POST': late(get('/v1/pair', { mode: 'no-cors', method: 'POST', body: pair })),
        'form text/plain': late(submit('/v1/pair', 'text/plain', '{"name":"page","kind":"agent","x":"', '"}')),
        'form urlencoded': late(submit('/v1/pair', 'application/x-www-form-urlencoded', 'name', 'page')),
        'form multipart': late(submit('/v1/token', 'multipart/form-data', 'account', 'ada')),
        img: late(element('img', `${base}/v1/status`)),
        iframe: late(element('iframe', base + nonce)),
        WebSocket: late(socket()),
        'top-level navigation': late(visit(nonce)),
        EventSource: late(events()),
        sendBeacon: Promise.resolve(
          navigator.sendBeacon(`${base}/v1/pair`, new Blob([pair], { type: 'text/plain' })) ? null : 'not sent',
        ),
        'sendBeacon of JSON': Promise.resolve(
          navigator.sendBeacon(`${base}/v1/pair`, new Blob([pair], { type: 'application/json' })) ? null : 'not sent',
        ),
      }
      const names = Object.keys(attempts)
      const loot = await Promise.all(Object.values(attempts))
      return Object.fromEntries(names.map((name, index) => [name, loot[index] ?? null]))
    },
    [target, token] as const,
  )
}

/**
 * Every answer the page gets from `origin` from now on, as `status method path`, those included that the browser keeps from
 * the page (Chrome DevTools Protocol, Network domain).
 */
export async function answersFrom(page: Page, origin: string): Promise<readonly string[]> {
  const answers: string[] = []
  const asked = new Map<string, string>()
  const session = await page.context().newCDPSession(page)
  session.on('Network.requestWillBeSent', ({ requestId, request: { method, url } }) => {
    if (url.startsWith(`${origin}/`)) asked.set(requestId, `${method} ${new URL(url).pathname}`)
  })
  session.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode }) => {
    const request = asked.get(requestId)
    if (request !== undefined) answers.push(`${String(statusCode)} ${request}`)
  })
  await session.send('Network.enable')
  return answers
}
