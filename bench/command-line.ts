/**
 * `valetkey token` as a script calls it: a whole process, from nothing to the token on its standard output. The rule: the
 * baseline is an empty program on the same Node, because nothing written for Node can be faster.
 */
import { join } from 'node:path'
import { cleanEnvironment } from '../test/setup/daemon.ts'
import { atMost, compare, interleave, type Row } from './harness.ts'
import { timeEmptyNode, timeProgram } from './process.ts'
import type { Stage } from './stage.ts'

const bundle = join(import.meta.dirname, '..', 'dist', 'cli.cjs')

export async function measureCommandLine(stage: Stage): Promise<readonly Row[]> {
  const { daemon } = await stage.broker()
  const env = cleanEnvironment(daemon.paths.home)
  const { ours, empty } = await interleave(stage.rounds(100), 3, {
    ours: () => timeCommandLine(env, 'cached'),
    empty: () => timeEmptyNode(env),
  })
  return [
    compare({
      group: 'cli',
      name: 'valetkey token, whole process',
      unit: 'ms',
      ours,
      baseline: { name: 'node -e 0', samples: empty },
      target: atMost(1.35),
    }),
  ]
}

/** Milliseconds of one `valetkey token`. Throws when it did not print a token. */
export function timeCommandLine(env: NodeJS.ProcessEnv, account: string): number {
  const { ms, stdout } = timeProgram(process.execPath, [bundle, 'token', account], env)
  if (!/^\S{100,}\n$/u.test(stdout)) throw new Error('valetkey token printed no token')
  return ms
}
