/**
 * What no page may do in this process, ours included (Electron's security checklist). The rule: everything is denied for
 * every session and every page there ever is, and what a window needs is not an exception here but a call of its own.
 */
import type { App, Session, WebContents } from 'electron'
import { uiOrigin } from './app-scheme.ts'

/** Before the app is ready. `openKnown` is told the address of a link that wanted a window of its own. */
export function harden(app: App, openKnown: (url: string) => void): void {
  app.enableSandbox()
  app.on('session-created', hardenSession)
  app.on('web-contents-created', (_event, contents) => {
    hardenContents(contents, openKnown)
  })
  // Left alone, Electron answers with the first certificate that fits.
  app.on('select-client-certificate', (event, _contents, _url, _list, callback) => {
    event.preventDefault()
    callback()
  })
}

/** No permission, no device, no download, and no request but for our own files. */
export function hardenSession(session: Session): void {
  session.setPermissionRequestHandler((_contents, _permission, callback) => {
    callback(false)
  })
  session.setPermissionCheckHandler(() => false)
  session.setDevicePermissionHandler(() => false)
  session.webRequest.onBeforeRequest(({ url }, callback) => {
    callback({ cancel: !mayLoad(url) })
  })
  session.on('will-download', (event) => {
    event.preventDefault()
  })
}

/** Our own files; pictures the page itself holds; the developer tools, which a packaged app does not have. */
export function mayLoad(url: string): boolean {
  return url.startsWith(`${uiOrigin}/`) || /^(?:data:image\/|devtools:\/\/)/u.test(url)
}

/** No navigation, no new window, no `<webview>`. What the host itself loads causes none of these events. */
export function hardenContents(contents: WebContents, openKnown: (url: string) => void): void {
  contents.on('will-navigate', (details) => {
    details.preventDefault()
  })
  contents.on('will-frame-navigate', (details) => {
    details.preventDefault()
  })
  contents.on('will-redirect', (details) => {
    details.preventDefault()
  })
  contents.on('will-attach-webview', (event) => {
    event.preventDefault()
  })
  contents.setWindowOpenHandler(({ url }) => {
    openKnown(url)
    return { action: 'deny' }
  })
}
