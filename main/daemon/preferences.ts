/**
 * Preferences without Electron: the same file as the desktop app's, through the library its store is made of. The rule:
 * loaded when first asked for, and a value that makes no sense is its default, never an error.
 */
import type { PreferenceStore } from '../broker/ports.ts'
import type { HomePaths } from '../contract/home.ts'
import { defaultPreferences, type Preferences } from '../contract/model.ts'
import { windowCalls } from '../contract/window-api.ts'

export function createPreferenceStore(paths: HomePaths): PreferenceStore {
  const open = once(async () => {
    const { default: Conf } = await import('conf')
    return new Conf<Record<string, unknown>>({
      cwd: paths.home,
      configName: 'preferences',
      configFileMode: 0o600,
      clearInvalidConfig: true,
    })
  })
  return {
    read: () =>
      open().then(
        ({ store }) => sensible(store),
        () => defaultPreferences,
      ),
    async write(preferences) {
      const conf = await open()
      conf.store = { ...preferences }
    },
  }
}

/** Each known member that has a value of its kind, and the defaults for the rest. */
export function sensible(stored: Readonly<Record<string, unknown>>): Preferences {
  const kept = Object.keys(defaultPreferences).flatMap((name) => {
    try {
      return [windowCalls.configure({ [name]: stored[name] }, '')]
    } catch {
      return []
    }
  })
  return Object.assign({ ...defaultPreferences }, ...kept) as Preferences
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}
