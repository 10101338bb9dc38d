/**
 * The window's files, as the console serves them. The rule: they are read once, at the start, into a map of exact paths;
 * no request ever names a file.
 */
import { lstatSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { BrokerError } from '../contract/errors.ts'

export interface Asset {
  readonly type: string
  readonly body: Buffer
}

/** By request path: `/`, `/assets/index-B3.js`. */
export type Assets = ReadonlyMap<string, Asset>

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

/**
 * Every file under `directory` whose type we know, `index.html` as `/`. Throws `invalid_request` when the window was not
 * built.
 */
export async function loadAssets(directory: string): Promise<Assets> {
  const assets = new Map<string, Asset>()
  for (const path of pathsBelow(directory)) {
    const type = types[extname(path)]
    if (type === undefined) continue
    assets.set(path === '/index.html' ? '/' : path, { type, body: await readFile(join(directory, path)) })
  }
  if (!assets.has('/')) throw notBuilt(undefined)
  return assets
}

/**
 * The files below `directory` by their paths from it, links left out. Folder by folder and name by name: in an archive of
 * Electron's a recursive listing takes folders for files (lib/node/asar-fs-wrapper.ts).
 */
function pathsBelow(directory: string, folder = '/'): readonly string[] {
  let names: readonly string[]
  try {
    names = readdirSync(join(directory, folder))
  } catch (cause) {
    throw notBuilt(cause)
  }
  return names.flatMap((name) => {
    const path = `${folder}${name}`
    const found = lstatSync(join(directory, path))
    if (found.isDirectory()) return pathsBelow(directory, `${path}/`)
    return found.isFile() ? [path] : []
  })
}

function notBuilt(cause: unknown): BrokerError {
  return new BrokerError(
    'invalid_request',
    'The console’s files are missing from this installation; build them with “npm run build”.',
    { cause },
  )
}
