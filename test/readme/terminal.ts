/**
 * A terminal as a person has one: a pseudo-terminal (script(1), util-linux) in which one command after the other is run
 * by bash, with the environment the last one left. The rule: nothing is started but what the page says, and what was
 * started is ended by the signal a person would send.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../setup/daemon.ts'

export interface Ended {
  readonly code: number
  /** Everything the terminal showed, without escape sequences. */
  readonly shown: string
}

export interface Running {
  /** What the terminal has shown so far. */
  shown(): string
  /** Types, as on a keyboard: `\n` is the Enter key, `\u0003` is Ctrl-C. */
  type(keys: string): void
  readonly ended: Promise<Ended>
}

export interface Terminal {
  start(command: string): Running
  /**
   * Runs to the end; `watch` sees what is shown each time there is more of it. `apart`: in another terminal, beside a command
   * that still runs here, so what it leaves in its environment stays there.
   */
  run(command: string, watch?: (running: Running) => void, apart?: boolean): Promise<Ended>
  /** Ctrl-C to whatever still runs, and waits. */
  close(): Promise<void>
}

/** `folder`: for its own files. `env`: what the first command starts with. `cwd`: where every command starts. */
export function openTerminal(folder: string, env: NodeJS.ProcessEnv, cwd: string): Terminal {
  mkdirSync(folder, { recursive: true })
  const left = join(folder, 'left')
  const alive = new Set<Running>()
  let count = 0
  let last = 0
  const start = (command: string, apart = false): Running => {
    const file = join(folder, `command-${String(count++)}`)
    const keep = apart ? '' : `export -p >'${left}'\n`
    writeFileSync(
      file,
      `[ ! -f '${left}' ] || . '${left}'\n(exit ${String(last)})\n${command}\ncode=$?\n${keep}exit $code\n`,
    )
    const shell = `exec bash --noprofile --norc '${file}'`
    const child = spawn('script', ['--quiet', '--flush', '--return', '--command', shell, '/dev/null'], {
      env: { ...env, SHELL: '/bin/sh', TERM: 'dumb' },
      cwd,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const parts: string[] = []
    child.stdout.setEncoding('utf8').on('data', (text: string) => parts.push(text))
    // What is typed to a command that has just ended is lost, as on any terminal.
    child.stdin.on('error', () => undefined)
    const shown = (): string => readable(parts.join(''))
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => {
        last = code ?? 1
        resolve({ code: last, shown: shown() })
      })
    })
    const running: Running = { shown, ended, type: (keys) => void child.stdin.write(keys) }
    alive.add(running)
    void ended.finally(() => alive.delete(running)).catch(() => undefined)
    return running
  }
  return {
    start,
    run: async (command, watch, apart) => {
      const running = start(command, apart)
      let over = false
      const ended = running.ended.finally(() => {
        over = true
      })
      let seen = ''
      if (watch)
        await until(() => {
          if (running.shown() !== seen) {
            seen = running.shown()
            watch(running)
          }
          return over ? true : undefined
        }, 60_000)
      return ended
    },
    close: async () => {
      await Promise.all(
        [...alive].map(async (running) => {
          running.type('\u0003')
          await running.ended
        }),
      )
    },
  }
}

/** Without control sequences (ECMA-48) and carriage returns. */
function readable(text: string): string {
  // eslint-disable-next-line no-control-regex -- the escape character is what is looked for
  return text.replaceAll(/\u001B\[[0-9;?]*[ -/]*[@-~]/gu, '').replaceAll('\r', '')
}
