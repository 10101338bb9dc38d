/**
 * The window's files, as the console serves them. The rule: they are read once, at the start, into a map of exact paths;
 * no request ever names a file.
 */
import { readdir, readFile } from 'node:fs/promises'
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
  const files = await readdir(directory, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw notBuilt(cause)
  })
  for (const file of files) {
    const type = types[extname(file.name)]
    if (!file.isFile() || type === undefined) continue
    const folder = file.parentPath
      .slice(directory.length)
      .replaceAll('\\', '/')
      .replace(/^\/+|\/+$/gu, '')
    const path = folder === '' ? `/${file.name}` : `/${folder}/${file.name}`
    assets.set(path === '/index.html' ? '/' : path, { type, body: await readFile(join(file.parentPath, file.name)) })
  }
  if (!assets.has('/')) throw notBuilt(undefined)
  return assets
}

function notBuilt(cause: unknown): BrokerError {
  return new BrokerError(
    'invalid_request',
    'The console’s files are missing from this installation; build them with “npm run build”.',
    { cause },
  )
}
