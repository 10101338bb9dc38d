/**
 * What the command line and the app's `package.json` say, for every other file of the stand-in. The rule: it is set once,
 * by the boot, before any of Electron's API is touched.
 */

/** The members of the app's `package.json` that Electron reads. */
export interface Manifest {
  readonly name: string
  readonly productName?: string
  readonly version?: string
  readonly desktopName?: string
  readonly main?: string
}

export interface Settings {
  /** Command-line switches without their dashes; an empty string for one without a value. */
  readonly switches: Map<string, string>
  readonly manifest: Manifest
  /** The app's folder, absolute. */
  readonly root: string
  /** What stands where Electron's executable would. */
  readonly executable: string
}

let current: Settings | undefined

export function setSettings(given: Settings): void {
  current = given
}

/** Throws when the stand-in was not booted: it is no library. */
export function settings(): Settings {
  if (current === undefined) throw new Error('electron stand-in: it has to be started by its own executable')
  return current
}
