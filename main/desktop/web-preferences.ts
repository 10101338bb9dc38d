/**
 * What every page of ours is made with. The rule: the closed settings are spelt out even where they are the default, so
 * that a default that changes changes nothing here.
 */
import type { WebPreferences } from 'electron'

/** The session of our windows: in memory, so nothing of a page outlives it. */
export const uiPartition = 'broker-ui'

/** `preload`: absolute path. Developer tools only where the app is not packaged. */
export function webPreferences(preload: string, packaged: boolean): WebPreferences {
  return {
    preload,
    partition: uiPartition,
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    nodeIntegrationInWorker: false,
    nodeIntegrationInSubFrames: false,
    webSecurity: true,
    allowRunningInsecureContent: false,
    experimentalFeatures: false,
    webviewTag: false,
    navigateOnDragDrop: false,
    spellcheck: false,
    safeDialogs: true,
    devTools: !packaged,
  }
}
