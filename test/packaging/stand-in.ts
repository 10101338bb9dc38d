/**
 * A stand-in for an Electron distribution, for machines without one. The rule: it is not Electron and runs nothing; it
 * has the files of a distribution's folder that packaging reads, copies and changes, and no others.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPackage } from '@electron/asar'

/** Electron's documentation of its fuses: this text, the version of the wire, the number of fuses, a character for each. */
const sentinel = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX'

/** As Electron 43 to 45 leave the factory: 0 off, 1 on. */
export const factoryFuses = '101100011'

/** An "executable" with a fuse wire: a script that ends at once, because no more is asked of it here. */
export function standInExecutable(fuses: string = factoryFuses): string {
  return `#!/bin/sh\nexit 0\n${sentinel}\u0001${String.fromCodePoint(fuses.length)}${fuses}\n`
}

/** Makes the folder of a distribution for Linux that says it is `version`. */
export async function makeStandIn(folder: string, version: string): Promise<void> {
  mkdirSync(join(folder, 'resources'), { recursive: true })
  writeFileSync(join(folder, 'electron'), standInExecutable(), { mode: 0o755 })
  writeFileSync(join(folder, 'chrome-sandbox'), '', { mode: 0o755 })
  writeFileSync(join(folder, 'version'), version)
  for (const name of ['LICENSE', 'LICENSES.chromium.html']) writeFileSync(join(folder, name), 'stand-in')
  const app = mkdtempSync(join(tmpdir(), 'valetkey-default-app-'))
  try {
    writeFileSync(join(app, 'package.json'), '{}')
    await createPackage(app, join(folder, 'resources', 'default_app.asar'))
  } finally {
    rmSync(app, { recursive: true, force: true })
  }
}
