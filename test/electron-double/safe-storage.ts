/**
 * `safeStorage` (Electron's page of that name), on Linux. Electron 45 deprecates the synchronous functions and 46 drops
 * them, so here they are not modelled and throw, and so does `getSelectedStorageBackend`, which names the desktop's usual
 * store and not the one in use. The rule: what it answers is the key store's (`key-store.ts`), in the mode of `control.ts`.
 */
import crypto from 'node:crypto'
import fs from 'node:fs'
import type Electron from 'electron'
import { app } from './app.ts'
import { control } from './control.ts'
import { keyringFile, makeKeyStore } from './key-store.ts'
import { modelled } from './modelled.ts'
import { readiness } from './readiness.ts'

export const safeStorage = modelled<Electron.SafeStorage>(
  'safeStorage',
  makeKeyStore({
    crypto,
    fs,
    folder: () => app.getPath('userData'),
    file: keyringFile,
    isReady: () => readiness.isReady,
    mode: () => control.safeStorageMode,
  }) satisfies Partial<Electron.SafeStorage>,
)
