/**
 * `npm run bench`: every claim about speed and size, measured beside its baseline in one run. The rule: the groups below
 * are the table of contents; each prints its rows when it has them, and the last line counts the verdicts. Exit code 0 when
 * every target is met, 1 when one is missed, 2 when something could not be measured.
 */
import { writeFileSync } from 'node:fs'
import { arch, cpus, loadavg, platform, release } from 'node:os'
import { parseArgs } from 'node:util'
import { measureCached } from './cached.ts'
import { measureCallers } from './callers.ts'
import { measureCommandLine } from './command-line.ts'
import { measureCrowded } from './crowded.ts'
import { measureDefinitions } from './definitions.ts'
import { measureDesktop } from './desktop.ts'
import { measureFastPath } from './fast-path.ts'
import { measureHanging } from './hanging.ts'
import type { NotMeasured, Row } from './harness.ts'
import { measureMemory } from './memory.ts'
import { measureOidcAgent } from './oidc-agent.ts'
import { pinning } from './process.ts'
import { measureRefresh } from './refresh.ts'
import { Stage } from './stage.ts'
import { measureStalled } from './stalled.ts'
import { measureStart } from './start.ts'
import { format, heading, summary } from './table.ts'
import { measureValidity } from './validity.ts'
import { measureVault } from './vault.ts'

/** In this order: what is measured idle comes before what leaves the daemon warm. */
const groups: Readonly<Record<string, (stage: Stage) => Promise<readonly Row[] | NotMeasured>>> = {
  memory: measureMemory,
  cached: measureCached,
  cli: measureCommandLine,
  'fast-path': measureFastPath,
  refresh: measureRefresh,
  callers: measureCallers,
  validity: measureValidity,
  hanging: measureHanging,
  stalled: measureStalled,
  crowded: measureCrowded,
  vault: measureVault,
  start: measureStart,
  definitions: measureDefinitions,
  desktop: measureDesktop,
  'oidc-agent': measureOidcAgent,
}

const usage = `npm run bench -- [--only NAME]... [--quick] [--json FILE], NAME of ${Object.keys(groups).join(', ')}`

interface Wanted {
  readonly names: readonly string[]
  readonly quick: boolean
  readonly json: string | undefined
}

/** Throws with the usage for anything it does not know. */
function wanted(args: readonly string[]): Wanted {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
  const names = values.only ?? Object.keys(groups)
  for (const name of names) if (!Object.hasOwn(groups, name)) throw new Error(`There is no group ${name}.`)
  return { names, quick: values.quick, json: values.json }
}

async function measure({ names, quick, json }: Wanted): Promise<number> {
  const stage = new Stage(quick)
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stage.close().finally(() => process.exit(2)))
  const machine = {
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    processors: `${String(cpus().length)} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    load: loadavg()[0] ?? 0,
    pinning,
    quick,
  }
  print(`Node ${machine.node}, ${machine.system}, ${machine.processors}, load ${machine.load.toFixed(1)}; ${pinning}`)
  print('Medians; the ratio is the median of the ratios turn by turn. Compare within this run only.')
  if (quick) print('A quick run: it shows that everything runs. Its figures say little.')
  print(`\n${heading()}`)
  const rows: Row[] = []
  const failed: string[] = []
  try {
    for (const [name, measureGroup] of Object.entries(groups)) {
      if (!names.includes(name)) continue
      try {
        const found = await measureGroup(stage)
        if ('because' in found) print(found.because)
        else {
          for (const row of found) print(format(row))
          rows.push(...found)
        }
      } catch (thrown) {
        // The other groups have something to say all the same.
        failed.push(name)
        process.stderr.write(`${name} could not be measured: ${sentence(thrown)}\n`)
      }
    }
  } finally {
    await stage.close()
  }
  print(`\n${summary(rows)}`)
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ machine, rows, failed }, null, 2)}\n`)
  if (failed.length > 0) return 2
  return rows.some(({ verdict }) => verdict === 'missed') ? 1 : 0
}

const print = (text: string): boolean => process.stdout.write(`${text}\n`)
const sentence = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))

function understand(args: readonly string[]): Wanted | undefined {
  try {
    return wanted(args)
  } catch (thrown) {
    process.stderr.write(`${sentence(thrown)}\n${usage}\n`)
    return undefined
  }
}

const asked = understand(process.argv.slice(2))
// What a failed group left running would keep us; its children go when we do.
process.exit(asked === undefined ? 2 : await measure(asked))
