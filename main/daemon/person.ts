/**
 * The person, as a process without a window can reach them: through their browser, and through whoever watches the log.
 * The rule: a question is shown here and answered elsewhere.
 */
import { spawn } from 'node:child_process'
import type { Log, Person } from '../broker/ports.ts'
import { browserCommands, isWebAddress, type CommandLine } from '../contract/browser.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Milliseconds after which a browser that has not ended counts as open. */
const SETTLED = 3000

export function createPerson(env: Environment, platform: string, log: Log): Person {
  return {
    async openBrowser(url) {
      if (!isWebAddress(url)) return false
      for (const command of browserCommands(url, env, platform)) if (await starts(command)) return true
      return false
    },
    questionWaiting({ kind }) {
      log('info', 'question.waiting', { code: kind })
    },
  }
}

/** Whether the program started and did not fail at once. */
function starts([program, ...rest]: CommandLine): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, rest, { stdio: 'ignore', detached: true })
    const timer = setTimeout(resolve, SETTLED, true)
    const end = (opened: boolean): void => {
      clearTimeout(timer)
      resolve(opened)
    }
    child.once('error', () => {
      end(false)
    })
    child.once('exit', (code) => {
      end(code === 0)
    })
    child.unref()
  })
}
