/**
 * Preferences through electron-store: the same file as the daemon's, read by the same sense. The rule: loaded when first
 * asked for, no secret in it, and a value that makes no sense is its default.
 */
import type { IpcMain } from 'electron'
import type { PreferenceStore } from '../broker/ports.ts'
import type { HomePaths } from '../contract/home.ts'
import { defaultPreferences } from '../contract/model.ts'
import { sensible } from '../daemon/preferences.ts'

export function createPreferenceStore(paths: HomePaths, ipc: IpcMain): PreferenceStore {
  const open = async (): Promise<{ store: Record<string, unknown> }> => {
    const { default: Store } = await import('electron-store')
    const store = new Store<Record<string, unknown>>({
      cwd: paths.home,
      name: 'preferences',
      configFileMode: 0o600,
      clearInvalidConfig: true,
    })
    // It comes with a channel that tells any page where our data is.
    ipc.removeAllListeners('electron-store-get-data')
    return store
  }
  let opened: ReturnType<typeof open> | undefined
  const once = (): ReturnType<typeof open> => (opened ??= open())
  return {
    read: () =>
      once().then(
        ({ store }) => sensible(store),
        () => defaultPreferences,
      ),
    async write(preferences) {
      const opening = await once()
      opening.store = { ...preferences }
    },
  }
}
