/**
 * The programs the suites drive that npm cannot bring: a browser, a keyring, a session bus, a terminal, a reader of
 * pictures. The rule: a suite never runs without what it drives and never passes over it quietly; what is missing is
 * installed where that is ours to do (root on Debian), and anywhere else named together with the command that brings it.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'
import { chromium } from 'playwright-core'

/** A program, where it is when it is there, and the Debian package that brings it. */
interface Need {
  readonly program: string
  readonly find: () => string | null
  readonly debianPackage: string
}

const needs: readonly Need[] = [
  { program: 'chromium', find: findChromium, debianPackage: 'chromium' },
  ...[
    ['gnome-keyring-daemon', 'gnome-keyring'],
    ['dbus-run-session', 'dbus-daemon'],
    ['secret-tool', 'libsecret-tools'],
    ['xdg-mime', 'xdg-utils'],
    ['script', 'bsdutils'],
    ['tesseract', 'tesseract-ocr'],
    ['git', 'git'],
    ['curl', 'curl'],
  ].map(([program = '', debianPackage = '']) => ({ program, find: () => onPath(program), debianPackage })),
  { program: 'Python’s requests', find: findRequests, debianPackage: 'python3-requests' },
]

/** A Python that has the library `requests`. */
function findRequests(): string | null {
  const python = onPath('python3')
  return python !== null && spawnSync(python, ['-c', 'import requests']).status === 0 ? python : null
}

/**
 * The browser to drive: `CHROMIUM_PATH`, else the first on `PATH`, else the one Playwright has downloaded. `null` when
 * there is none.
 */
export function findChromium(): string | null {
  const named = process.env['CHROMIUM_PATH']
  if (named !== undefined && named !== '') return isExecutable(named) ? named : null
  for (const name of ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']) {
    const found = onPath(name)
    if (found !== null) return found
  }
  const downloaded = chromium.executablePath()
  return existsSync(downloaded) ? downloaded : null
}

/**
 * Arguments for a browser that is driven, not used: no window, no traffic of its own, and no sandbox for root, for whom
 * Chromium refuses to start one. What a test needs beyond these comes after them.
 */
export function chromiumArguments(...more: readonly string[]): string[] {
  const isRoot = process.getuid?.() === 0
  return [
    ...(isRoot ? ['--no-sandbox'] : []),
    ...['--headless', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ...more,
  ]
}

/** Makes sure that everything the suites need is there, installing it where that can be done. Throws a sentence saying what to do. */
export function ensureSystemPackages(suites: readonly string[]): void {
  const named = process.env['CHROMIUM_PATH'] ?? ''
  if (named !== '' && findChromium() === null)
    throw new Error(`CHROMIUM_PATH names ${named}, which is no program. Unset it, or name the browser's executable.`)
  const isNeeded = ({ program }: Need): boolean => program !== 'tesseract' || suites.includes('desktop')
  const missing = needs.filter((need) => isNeeded(need) && need.find() === null)
  if (missing.length === 0) return
  const packages = missing.map(({ debianPackage }) => debianPackage)
  const command = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`
  const programs = missing.map(({ program }) => program).join(', ')
  if (process.getuid?.() !== 0 || onPath('apt-get') === null || !existsSync('/etc/debian_version'))
    throw new Error(`The tests drive ${programs}, not found here. On Debian: sudo sh -c '${command}'. ${elsewhere}`)
  process.stderr.write(`The tests drive ${programs}, not found here. Running: ${command}\n`)
  spawnSync('sh', ['-c', command], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  const still = missing.filter(({ find }) => find() === null).map(({ program }) => program)
  if (still.length > 0) throw new Error(`${still.join(', ')} could not be installed; see above. ${elsewhere}`)
}

const elsewhere = 'A browser that is elsewhere can be named in CHROMIUM_PATH.'

function onPath(program: string): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => resolve(folder, program)).find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
