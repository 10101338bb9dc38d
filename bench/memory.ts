/**
 * What the daemon holds while nobody asks. The rule: read from the kernel's own account of the process (Linux,
 * /proc/PID/smaps_rollup), beside a node:http server that does nothing, because most of it is Node.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startDaemon } from '../test/setup/daemon.ts'
import { compare, figureAtMost, type NotMeasured, type Row } from './harness.ts'
import { pin } from './process.ts'
import { startBareServer } from './bare.ts'
import type { Stage } from './stage.ts'

const group = 'memory'

interface Memory {
  /** Megabytes (10^6 bytes), shared pages included. */
  readonly resident: number
  readonly own: number
}

export async function measureMemory(stage: Stage): Promise<readonly Row[] | NotMeasured> {
  if (!canMeasureMemory()) return { because: 'memory: no /proc/PID/smaps_rollup here: not measured' }
  const { daemon } = await stage.broker()
  const crowded = await startDaemon({ home: await stage.crowdedHome() })
  pin(crowded.pid, 'server')
  const bare = await startBareServer({ path: join(stage.folder, 'idle.sock'), headers: [], body: '' })
  try {
    await pause(stage.slice(5_000))
    const pids = { ours: daemon.pid, crowded: crowded.pid, bare: bare.pid }
    const taken = { ours: [] as Memory[], crowded: [] as Memory[], bare: [] as Memory[] }
    for (let reading = 0; reading < 5; reading++) {
      for (const name of ['ours', 'crowded', 'bare'] as const) taken[name].push(residentMegabytes(pids[name]))
      await pause(100)
    }
    const row = (name: string, of: 'ours' | 'crowded', kind: keyof Memory, target: number | null): Row =>
      compare({
        group,
        name,
        unit: 'MB',
        ours: taken[of].map((memory) => memory[kind]),
        baseline: { name: 'bare node:http', samples: taken.bare.map((memory) => memory[kind]) },
        target: target === null ? null : figureAtMost(target),
      })
    return [
      row('idle, 100 accounts: resident', 'ours', 'resident', 75),
      row('idle, 100 accounts: private', 'ours', 'own', null),
      row(`idle, ${stage.many.toLocaleString('en')} accounts: resident`, 'crowded', 'resident', null),
    ]
  } finally {
    await bare.stop()
    await crowded.stop()
  }
}

export const canMeasureMemory = (): boolean => existsSync('/proc/self/smaps_rollup')

/** Of a process of ours. Linux only. */
export function residentMegabytes(pid: number): Memory {
  const megabytes = account(pid)
  return { resident: megabytes('Rss'), own: megabytes('Private_Clean', 'Private_Dirty') }
}

/** Its share of what it has in memory, shared pages divided by those who share them. 0 of one that has ended. */
export function proportionalMegabytes(pid: number): number {
  return existsSync(`/proc/${String(pid)}/smaps_rollup`) ? account(pid)('Pss') : 0
}

function account(pid: number): (...names: readonly string[]) => number {
  const text = readFileSync(`/proc/${String(pid)}/smaps_rollup`, 'utf8')
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'mu').exec(text)?.[1])
  return (...names) => names.reduce((sum, name) => sum + (kilobytes(name) * 1024) / 1_000_000, 0)
}
