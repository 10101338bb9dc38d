/**
 * What a page loads, each request stopped on its way and decided here (Electron's pages "webContents", events `will-*`;
 * "protocol"; "webRequest"). The rule: the order is Electron's: the navigation events, then `onBeforeRequest`, then the
 * scheme's handler; and a custom scheme without a handler fails.
 *
 * Modelled: `will-navigate`, `will-frame-navigate` and `will-redirect` for what the page starts; handlers of
 * `protocol.handle`, whose answers Chromium then treats as it treats any (content security policy, nosniff). Not modelled:
 * streaming bodies, WebSockets (no request of theirs is seen), what happens in frames of another site once loaded. A
 * reload is let through without events, whoever asked for it; a navigation by the test itself (`page.goto`) counts as the
 * page's own.
 */
import type Electron from 'electron'
import { fromPage, headerToPage } from './addresses.ts'
import type { PausedRequest } from './devtools.ts'
import type { PageTarget } from './page-target.ts'

/** Chromium's names of what is loaded, as `webRequest` calls them. */
const resourceTypes: Readonly<Record<string, Electron.OnBeforeRequestListenerDetails['resourceType']>> = {
  Stylesheet: 'stylesheet',
  Script: 'script',
  Image: 'image',
  Font: 'font',
  Fetch: 'xhr',
  XHR: 'xhr',
  Ping: 'ping',
  CSPViolationReport: 'cspReport',
  Media: 'media',
}

export interface RequestRules {
  /** Asks the app's listeners; true when one of them prevented the navigation. */
  readonly isPrevented: (event: NavigationEvent, url: string, frameId: string) => boolean
  /** True when the address is one the app itself asked for; asked once for each request. */
  readonly isOwnLoad: (pageUrl: string) => boolean
  /** Asks `webRequest.onBeforeRequest`; true when the request is cancelled. */
  readonly isCancelled: (details: {
    readonly url: string
    readonly method: string
    readonly resourceType: Electron.OnBeforeRequestListenerDetails['resourceType']
    readonly referrer: string
  }) => Promise<boolean>
  readonly handlerOf: (scheme: string) => ((request: Request) => Response | Promise<Response>) | undefined
}

export type NavigationEvent = 'will-navigate' | 'will-frame-navigate' | 'will-redirect'

/** Decides one request of `page`, and lets it go on, fulfils it or fails it. */
export async function decideRequest(page: PageTarget, paused: PausedRequest, rules: RequestRules): Promise<void> {
  const { requestId, request, frameId, resourceType } = paused
  const url = fromPage(request.url)
  const fail = async (errorReason: string): Promise<void> => {
    await page.send('Fetch.failRequest', { requestId, errorReason })
  }
  const isMainFrame = frameId === page.mainFrameId
  if (resourceType === 'Document') {
    const address = url + (request.urlFragment ?? '')
    if (navigationEvents(page, paused, rules).some((event) => rules.isPrevented(event, address, frameId)))
      return fail('Aborted')
  }
  const isCancelled = await rules.isCancelled({
    url,
    method: request.method,
    resourceType:
      resourceType === 'Document' ? (isMainFrame ? 'mainFrame' : 'subFrame') : (resourceTypes[resourceType] ?? 'other'),
    referrer: fromPage(request.headers['Referer'] ?? ''),
  })
  if (isCancelled) return fail('BlockedByClient')
  if (url === request.url) {
    await page.send('Fetch.continueRequest', { requestId })
    return
  }
  const handler = rules.handlerOf(url.slice(0, url.indexOf(':')))
  if (handler === undefined) return fail('Failed')
  const response = await answer(handler, url, request)
  if (response === undefined) return fail('Failed')
  await page.send('Fetch.fulfillRequest', { requestId, ...response })
}

function navigationEvents(page: PageTarget, paused: PausedRequest, rules: RequestRules): readonly NavigationEvent[] {
  const { request, frameId } = paused
  const isMainFrame = frameId === page.mainFrameId
  if (paused.redirectedRequestId !== undefined) return ['will-redirect']
  if (!isMainFrame) return ['will-frame-navigate']
  const isReload = request.method === 'GET' && request.url === page.frames.get(frameId)?.url
  if (rules.isOwnLoad(request.url) || isReload) return []
  return ['will-navigate', 'will-frame-navigate']
}

async function answer(
  handler: (request: Request) => Response | Promise<Response>,
  url: string,
  { method, headers, postData }: PausedRequest['request'],
): Promise<object | undefined> {
  try {
    const pairs = Object.entries(headers).map(([name, value]): [string, string] => [name, fromPage(value)])
    const response = await handler(new Request(url, { method, headers: pairs, ...(postData && { body: postData }) }))
    if (response.type === 'error') return undefined
    return {
      responseCode: response.status,
      responseHeaders: [...response.headers].map(([name, value]) => ({ name, value: headerToPage(value) })),
      body: Buffer.from(await response.arrayBuffer()).toString('base64'),
    }
  } catch (error) {
    // Electron reports what a handler throws, and the request fails.
    console.error(`Error occurred in the protocol handler for '${url}':`, error)
    return undefined
  }
}
