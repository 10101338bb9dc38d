/**
 * Opens the person's browser. The rule: never through a shell, only web addresses, and without our client token in the
 * environment of what is started.
 */
import { spawn } from 'node:child_process'
import type { Environment } from './place.ts'

/** A program and its arguments. */
export type CommandLine = readonly [program: string, ...rest: string[]]

/** Milliseconds after which a browser that has not ended counts as open (many stay in the foreground). */
const settled = 2_000

/**
 * What to try, in order: the commands in `$BROWSER` (a list separated by colons, semicolons on Windows; `%s` is where
 * the address goes, the end where there is none), then what the OS opens addresses with.
 */
export function browserCommands(url: string, env: Environment, platform: string): readonly CommandLine[] {
  const own = (env['BROWSER'] ?? '').split(platform === 'win32' ? ';' : ':').map(splitWords)
  return [...own, openerOf(platform)].flatMap(([program, ...rest]): readonly CommandLine[] => {
    if (program === undefined) return []
    const placed = rest.some((word) => word.includes('%s'))
    return [[program, ...rest.map((word) => word.replaceAll('%s', () => url)), ...(placed ? [] : [url])]]
  })
}

function openerOf(platform: string): readonly string[] {
  if (platform === 'darwin') return ['open']
  return platform === 'win32' ? ['rundll32.exe', 'url.dll,FileProtocolHandler'] : ['xdg-open']
}

/** Words separated by spaces; single and double quotes hold one together. */
function splitWords(text: string): readonly string[] {
  return [...text.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/gu)].map(([word]) =>
    word.replaceAll(
      /"([^"]*)"|'([^']*)'/gu,
      (_all, double: string | undefined, single: string | undefined) => double ?? single ?? '',
    ),
  )
}

/** Opens `url` with the first command that does not fail; `false` when none opened it or it is not a web address. */
export async function openBrowser(url: string, env: Environment, platform: string): Promise<boolean> {
  // Anything else could be an option, a file or another program's scheme.
  if (!/^https?:\/\/[^\s\p{Cc}]+$/u.test(url)) return false
  const { VALETKEY_CLIENT_TOKEN: _token, ...clean } = env
  for (const command of browserCommands(url, env, platform)) if (await start(command, clean)) return true
  return false
}

function start([program, ...rest]: CommandLine, env: Environment): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, rest, { stdio: 'ignore', detached: true, env: { ...env } })
    const running = setTimeout(() => {
      resolve(true)
    }, settled)
    const end = (opened: boolean): void => {
      clearTimeout(running)
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
