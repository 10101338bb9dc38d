/**
 * What a page may use ("session", `setPermissionRequestHandler` and `setPermissionCheckHandler`). Electron asks at the
 * moment the page asks, and grants everything when nobody listens. The rule: the same handlers decide here, asked once for
 * every permission when an address is loaded, and Chromium is told the outcome; a handler that never answers denies.
 */
import type Electron from 'electron'
import { originOf, toPage } from './addresses.ts'
import { chromium } from './chromium.ts'
import { stateOf } from './session.ts'

type Permission = Parameters<NonNullable<Parameters<Electron.Session['setPermissionRequestHandler']>[0]>>[1]

/** Electron's names, and Chromium's of what a page asks for under each. */
const permissions: readonly (readonly [permission: Permission, name: string])[] = [
  ['notifications', 'notifications'],
  ['geolocation', 'geolocation'],
  ['clipboard-read', 'clipboard-read'],
  ['clipboard-sanitized-write', 'clipboard-write'],
  ['midi', 'midi'],
  ['idle-detection', 'idle-detection'],
  ['media', 'microphone'],
  ['media', 'camera'],
  ['window-management', 'window-management'],
  ['storage-access', 'storage-access'],
]

/** Milliseconds a handler has to call back. */
const patience = 1000

/** Asks the session's handlers for the origin of `url` and tells Chromium. */
export async function applyPermissions(contents: Electron.WebContents, url: string): Promise<void> {
  const origin = originOf(url)
  if (origin === 'null') return
  const { browserContextId } = stateOf(contents.session)
  const contextId = await browserContextId()
  await Promise.all(
    permissions.map(async ([permission, name]) => {
      const isGranted = await decide(contents, permission, url)
      await chromium().devtools.send('Browser.setPermission', {
        permission: { name },
        setting: isGranted ? 'granted' : 'denied',
        origin: new URL(toPage(url)).origin,
        browserContextId: contextId,
      })
    }),
  )
}

async function decide(contents: Electron.WebContents, permission: Permission, url: string): Promise<boolean> {
  const { permissionRequest, permissionCheck } = stateOf(contents.session)
  const details = { requestingUrl: url, isMainFrame: true }
  if (permissionRequest) {
    const answer = new Promise<boolean>((resolve) => permissionRequest(contents, permission, resolve, details))
    const silence = new Promise<boolean>((resolve) => setTimeout(resolve, patience, false).unref())
    if (!(await Promise.race([answer, silence]))) return false
  }
  return permissionCheck?.(contents, permission, originOf(url), details) ?? true
}
