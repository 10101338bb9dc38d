/**
 * The desktop app beside the least an Electron app can be: one window with one line in it, on the same runtime. The rule:
 * both are started the way a spec starts them, the time is taken from before that to the page's own first picture, and the
 * memory is that of the whole family of processes. Where Electron is not installed both run on its stand-in, and every row
 * says so: then the figures compare two apps, and say nothing about Electron.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ElectronApplication, Page } from 'playwright-core'
import { launchDesktop } from '../test/electron-double/launch.ts'
import { until } from '../test/setup/daemon.ts'
import { atMost, compare, interleave, type NotMeasured, type Row } from './harness.ts'
import { proportionalMegabytes, canMeasureMemory } from './memory.ts'
import type { Stage } from './stage.ts'

const group = 'desktop'
const built = join(import.meta.dirname, '../dist/desktop.cjs')
const bareApp = join(import.meta.dirname, 'bare-app')

interface Shown {
  readonly runtime: string
  /** Milliseconds from before the start to the first picture. */
  readonly painted: number
  /** Of all its processes, megabytes, every page counted once. */
  readonly memory: number
}

export async function measureDesktop(stage: Stage): Promise<readonly Row[] | NotMeasured> {
  if (!canMeasureMemory()) return { because: 'desktop: no /proc/PID/smaps_rollup here: not measured' }
  if (!existsSync(built)) return { because: 'desktop: dist/desktop.cjs is not built: not measured' }
  // Short, because a socket's path is.
  const folder = mkdtempSync(join(tmpdir(), 'vkb-'))
  const homes = { ours: join(folder, 'o'), bare: join(folder, 'b') }
  const env = { VALETKEY_HOME: join(homes.ours, 'vk'), BROWSER: 'false' }
  try {
    for (const home of Object.values(homes)) mkdirSync(home)
    const { ours, bare } = await interleave<'ours' | 'bare', Shown>(stage.rounds(9), 1, {
      ours: () => show(stage, { home: homes.ours, env }),
      bare: () => show(stage, { home: homes.bare, app: bareApp }),
    })
    const runtime = ours[0]?.runtime ?? ''
    const row = (name: string, unit: 'ms' | 'MB', value: (shown: Shown) => number): Row =>
      compare({
        group,
        name,
        unit,
        ours: ours.map(value),
        baseline: { name: 'one-window app', samples: bare.map(value) },
        target: atMost(1.5),
        note: runtime === 'electron' ? 'on Electron' : 'both on the stand-in, which is not Electron',
      })
    return [
      row('desktop app: start until the first picture', 'ms', ({ painted }) => painted),
      row('desktop app, idle with its window open: all processes', 'MB', ({ memory }) => memory),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function show(stage: Stage, options: Parameters<typeof launchDesktop>[0]): Promise<Shown> {
  const started = Date.now()
  const { app, runtime } = await launchDesktop(options)
  try {
    const painted = (await firstPicture(app)) - started
    await pause(stage.slice(2_000))
    const pid = app.process().pid ?? 0
    return { runtime, painted, memory: family(pid).reduce((sum, member) => sum + proportionalMegabytes(member), 0) }
  } finally {
    await app.close()
  }
}

/** When a window of the app first showed something, in milliseconds since the epoch (Paint Timing, W3C). */
function firstPicture(app: ElectronApplication): Promise<number> {
  return until(async () => {
    for (const page of app.windows()) {
      const at = await pictureOf(page).catch(() => null)
      if (at !== null) return at
    }
    return undefined
  })
}

function pictureOf(page: Page): Promise<number | null> {
  return page.evaluate(() => {
    const [paint] = performance.getEntriesByName('first-contentful-paint')
    return paint === undefined ? null : performance.timeOrigin + paint.startTime
  })
}

/** The process and all that descend from it. proc_pid_stat(5). */
function family(pid: number): readonly number[] {
  const parents = readdirSync('/proc').flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${String(Number(name))}/stat`, 'utf8')
      return [[Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])] as const]
    } catch {
      return []
    }
  })
  const found = new Set([pid])
  for (const member of found) for (const [child, parent] of parents) if (parent === member) found.add(child)
  return [...found]
}
