/**
 * Where browsers look for native-messaging hosts, and what they read there (Chrome's and Mozilla's documentation, Native
 * messaging). The rule: pure; a manifest names one program by its absolute path and the extensions that may start it.
 */

/** By which browsers know the host. */
export const HOST_NAME = 'app.valetkey'

export const browsers = ['chrome', 'chromium', 'edge', 'brave', 'vivaldi', 'firefox'] as const
export type Browser = (typeof browsers)[number]

const linux: Readonly<Record<Browser, string>> = {
  chrome: '.config/google-chrome/NativeMessagingHosts',
  chromium: '.config/chromium/NativeMessagingHosts',
  edge: '.config/microsoft-edge/NativeMessagingHosts',
  brave: '.config/BraveSoftware/Brave-Browser/NativeMessagingHosts',
  vivaldi: '.config/vivaldi/NativeMessagingHosts',
  firefox: '.mozilla/native-messaging-hosts',
}

const mac: Readonly<Record<Browser, string>> = {
  chrome: 'Google/Chrome/NativeMessagingHosts',
  chromium: 'Chromium/NativeMessagingHosts',
  edge: 'Microsoft Edge/NativeMessagingHosts',
  brave: 'BraveSoftware/Brave-Browser/NativeMessagingHosts',
  vivaldi: 'Vivaldi/NativeMessagingHosts',
  firefox: 'Mozilla/NativeMessagingHosts',
}

/** The manifest's path for a browser of the person whose home is `home`; `undefined` on a system that has no such place. */
export function manifestPath(browser: Browser, home: string, platform: NodeJS.Platform): string | undefined {
  if (platform === 'linux') return `${home}/${linux[browser]}/${HOST_NAME}.json`
  return platform === 'darwin' ? `${home}/Library/Application Support/${mac[browser]}/${HOST_NAME}.json` : undefined
}

/** Chrome's ids are thirty-two letters; anything else that looks like a name is Mozilla's. */
export const isChromeId = (id: string): boolean => /^[a-p]{32}$/u.test(id)
export const isMozillaId = (id: string): boolean => /^[\w.-]{0,64}@[\w.-]{1,64}$|^\{[0-9a-f-]{36}\}$/iu.test(id)

/** The manifest's text; `undefined` when none of the extensions is one of this browser's. */
export function manifestText(browser: Browser, program: string, extensions: readonly string[]): string | undefined {
  const firefox = browser === 'firefox'
  const fitting = extensions.filter(firefox ? isMozillaId : isChromeId)
  if (fitting.length === 0) return undefined
  const callers = firefox
    ? { allowed_extensions: fitting }
    : { allowed_origins: fitting.map((id) => `chrome-extension://${id}/`) }
  const manifest = {
    name: HOST_NAME,
    description: 'Valetkey, the token broker',
    path: program,
    type: 'stdio',
    ...callers,
  }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

/** A word of a POSIX shell, whatever is in it. */
const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** What the browser starts: a script, because a manifest has place for neither arguments nor an environment. */
export function launcherText(command: readonly string[], home: string): string {
  return `#!/bin/sh\nVALETKEY_HOME=${quoted(home)} exec ${command.map(quoted).join(' ')} "$@"\n`
}
