#!/usr/bin/env node
/**
 * The `valetkey` command. The rule: what every script calls a thousand times a day, `token`, runs from this one small
 * file; everything a person types by hand is loaded when it is typed; and nothing runs on a Node that is too old.
 */
import { startDaemon } from './daemon.ts'
import { wordsOfName } from './invocation.ts'
import { isSupported } from './node-version.ts'
import { runOnOtherNode } from './other-node.ts'
import { runToken } from './token.ts'

async function run(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv
  const wantsHelp = rest.some((argument) => argument === '--help' || argument === '-h')
  if (command === 'token' && !wantsHelp) return runToken(rest)
  if (command === 'daemon' && !wantsHelp) return startDaemon()
  const { runProgram } = await import('./program.ts')
  return runProgram(argv)
}

if (isSupported(process.versions.node))
  void run([...wordsOfName(process.argv[1] ?? ''), ...process.argv.slice(2)]).then((code) => {
    // A daemon goes on; for everything else the answer is out and nothing is left to wait for.
    if (code >= 0) process.exit(code)
  })
else void runOnOtherNode()
