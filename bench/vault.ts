/**
 * What a durable update costs, and that it does not grow with the vault. The rule: the baseline is the least a disk can be
 * asked for the same promise, 1.6 kB appended and synchronised in the same folder.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Vault } from '../main/broker/ports.ts'
import { atMost, compare, interleave, type Row } from './harness.ts'
import { fillers, linkAll, materialOf, openVaultIn } from './home.ts'
import type { Stage } from './stage.ts'

const group = 'vault'
const few = 10

export async function measureVault(stage: Stage): Promise<readonly Row[]> {
  const crowded = await openVaultIn(await stage.crowdedHome())
  const small = await openVaultIn(join(stage.folder, 'small'))
  const fd = openSync(join(stage.folder, 'append'), 'a', 0o600)
  try {
    await linkAll(small, fillers(few))
    // What an idle vault does by itself is done now, and not in the middle.
    await small.tend()
    await crowded.tend()
    const record = Buffer.alloc(1_600, 'x')
    const { of10, of10000, append } = await interleave(stage.rounds(1_000), stage.rounds(200), {
      of10: updater(small, few),
      of10000: updater(crowded, stage.many),
      append: () => {
        const started = performance.now()
        writeSync(fd, record)
        fdatasyncSync(fd)
        return performance.now() - started
      },
    })
    const many = stage.many.toLocaleString('en')
    const floor = { name: '1.6 kB append + fdatasync', samples: append }
    return [
      compare({
        group,
        name: `durable update, ${String(few)} accounts`,
        unit: 'ms',
        ours: of10,
        baseline: floor,
        target: atMost(1.7),
      }),
      compare({
        group,
        name: `durable update, ${many} accounts`,
        unit: 'ms',
        ours: of10000,
        baseline: floor,
        target: atMost(1.7),
      }),
      compare({
        group,
        name: `durable update, ${many} accounts`,
        unit: 'ms',
        ours: of10000,
        baseline: { name: `the same with ${String(few)} accounts`, samples: of10 },
        target: atMost(1.3),
      }),
    ]
  } finally {
    closeSync(fd)
    small.close()
    crowded.close()
  }
}

/** Replaces the material of one account after the other, as a refresh does, and answers the milliseconds of each. */
function updater(vault: Vault, accounts: number): () => Promise<number> {
  let turn = 0
  return async () => {
    // A stride that reaches every account, far from the last one.
    turn = (turn + 7_919) % accounts
    const name = `account-${String(turn)}`
    const generation = (await vault.grant(name))?.generation ?? 0
    const material = materialOf({ name, port: 0, rotation: 'always' })
    const started = performance.now()
    await vault.commitRefresh(name, generation, material)
    return performance.now() - started
  }
}
