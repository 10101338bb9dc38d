/**
 * Electron's fuses: what the packaged executable cannot be talked into. The rule: every fuse of the executable is named
 * here, so that one a later Electron adds fails the package instead of keeping a default nobody chose.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { flipFuses, type FuseConfig, FuseV1Options, FuseVersion } from '@electron/fuses'

export const fuses: Extract<FuseConfig, { strictlyRequireAllFuses: true }> = {
  version: FuseVersion.V1,
  strictlyRequireAllFuses: true,
  // Our signature, and with it our keychain entry, would run anybody's script. The price: no child of the app is a Node.
  [FuseV1Options.RunAsNode]: false,
  [FuseV1Options.EnableCookieEncryption]: true,
  [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: false,
  // Also SIGUSR1.
  [FuseV1Options.EnableNodeCliInspectArguments]: false,
  [FuseV1Options.EnableEmbeddedAsarIntegrityValidation]: true,
  // Without it the one above could be walked around.
  [FuseV1Options.OnlyLoadAppFromAsar]: true,
  // We make no V8 snapshot of our own.
  [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
  // Our pages come from app:, never from files.
  [FuseV1Options.GrantFileProtocolExtraPrivileges]: false,
  // As Electron has it: how V8 checks the bounds of WebAssembly memory.
  [FuseV1Options.WasmTrapHandlers]: true,
}

/** Of electron-builder's context, what is needed to find the executable. */
export interface PackedApp {
  readonly appOutDir: string
  readonly electronPlatformName: string
  readonly packager: { readonly executableName?: string; readonly appInfo: { readonly productFilename: string } }
}

/** The executable's path; on macOS the bundle's, in which the library finds it. */
export function executableOf({ appOutDir, electronPlatformName, packager }: PackedApp): string {
  const { productFilename } = packager.appInfo
  if (electronPlatformName === 'linux') return join(appOutDir, packager.executableName ?? productFilename)
  return join(appOutDir, `${productFilename}.${electronPlatformName === 'win32' ? 'exe' : 'app'}`)
}

/**
 * electron-builder's hook before it signs. Its own `electronFuses` names eight fuses and the executable has nine, so it
 * could not be strict (electron-builder 26.17). Throws when a fuse is without a choice.
 */
export async function afterPack(packed: PackedApp): Promise<void> {
  await flipFuses(executableOf(packed), fuses)
  // Electron's own start page, which a distribution taken from a folder brings along.
  if (packed.electronPlatformName !== 'darwin')
    rmSync(join(packed.appOutDir, 'resources', 'default_app.asar'), { force: true })
}
