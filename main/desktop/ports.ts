/**
 * What the broker needs from outside, as Electron has it. The rule: everything that is not Electron's is the daemon's own.
 */
import { join } from 'node:path'
import { app, ipcMain, safeStorage } from 'electron'
import type { Log, Person, Ports } from '../broker/ports.ts'
import type { HomePaths } from '../contract/home.ts'
import { systemClock as clock, systemRandomness as randomness } from '../daemon/clock.ts'
import { createAuthorizationServers } from '../oauth/authorization-servers.ts'
import { openLibrary } from '../providers/library.ts'
import { openActivity } from '../vault/activity.ts'
import { bootName } from '../vault/boot.ts'
import { openVault } from '../vault/vault.ts'
import { createPreferenceStore } from './preferences.ts'
import { safeStorageSlot } from './safe-storage-slot.ts'
import { type Command, registerScheme, schemeIsOurs } from './scheme.ts'
import { createSlots } from './slots.ts'

export interface PortOptions {
  readonly paths: HomePaths
  readonly version: string
  readonly command: Command
  readonly person: Person
  readonly log: Log
}

/** Opens them; the app is ready and the home is ours. */
export async function openPorts(
  options: PortOptions,
): Promise<Ports & { readonly activity: ReturnType<typeof openActivity> }> {
  const { paths, version, command, person, log } = options
  const { env, platform } = process
  const scheme = { app, platform, env, command, packaged: app.isPackaged, log }
  // Only a sign-in waits for it: on Linux it takes a handful of processes.
  const registered = registerScheme(scheme)
  const slots = await createSlots(safeStorageSlot(safeStorage, platform, clock), paths, clock, nodeExecutable())
  const vault = await openVault({ paths, slots, clock, randomness, log, boot: bootName(platform) })
  const definitions = openLibrary(paths.providers, log, (text) => vault.attest(text), paths.providerMarks)
  return {
    clock,
    randomness,
    log,
    vault,
    definitions,
    activity: openActivity({ path: paths.activity, clock, log }),
    servers: createAuthorizationServers({
      providers: definitions,
      log,
      clock,
      version,
      schemeIsOurs: () => registered.then(() => schemeIsOurs(scheme)),
    }),
    person,
    preferences: createPreferenceStore(paths, ipcMain),
    faults: () => undefined,
  }
}

/** A packaged Electron acts as Node for nobody; the command line packaged beside it is one, for the keyring alone. */
function nodeExecutable(): string {
  const { execPath, platform, resourcesPath } = process
  return app.isPackaged ? join(resourcesPath, platform === 'win32' ? 'valetkey.exe' : 'valetkey') : execPath
}
