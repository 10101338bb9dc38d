/**
 * Our URL scheme on Linux desktops: a .desktop file that names the handler, and the shared MIME database's word on who is
 * asked (Desktop Entry Specification; Association between MIME types and applications, freedesktop.org). The rule: only
 * `xdg-mime` is used, for our scheme alone; `xdg-settings` would on some desktops make us the handler of web pages too.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BrokerError } from '../contract/errors.ts'
import { scheme } from './redirects.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface SchemeHandler {
  /** The .desktop file's name, which is how the system names the handler. */
  readonly id: string
  readonly name: string
  /** The program and its arguments; the address is added as the last one. */
  readonly command: readonly string[]
}

const mimeType = `x-scheme-handler/${scheme}`

/** Whether the system would hand our scheme to this handler. `false` where it cannot be asked. */
export async function isSchemeHandler({ id }: SchemeHandler, env: Environment): Promise<boolean> {
  const answer = await xdgMime(['query', 'default', mimeType], env).catch(() => '')
  return answer.trim() === id
}

/** Makes this handler the one for our scheme, for this user. Throws `temporarily_unavailable` where that cannot be done. */
export async function registerSchemeHandler(handler: SchemeHandler, env: Environment): Promise<void> {
  const data = env['XDG_DATA_HOME']?.startsWith('/') ? env['XDG_DATA_HOME'] : `${env['HOME'] ?? ''}/.local/share`
  const applications = join(data, 'applications')
  try {
    mkdirSync(applications, { recursive: true })
    writeFileSync(join(applications, handler.id), desktopEntry(handler))
    await xdgMime(['default', handler.id, mimeType], env)
  } catch (cause) {
    throw new BrokerError('temporarily_unavailable', 'The scheme could not be registered; install xdg-utils.', {
      cause,
    })
  }
  if (await isSchemeHandler(handler, env)) return
  throw new BrokerError(
    'temporarily_unavailable',
    `Another program keeps the scheme ${scheme}; loopback is used instead.`,
  )
}

/** The file as the specification wants it. Throws `invalid_request` for an argument that no quoting can carry. */
export function desktopEntry({ name, command }: SchemeHandler): string {
  return [
    '[Desktop Entry]',
    'Type=Application',
    `Name=${name}`,
    `Exec=${command.map(quoteArgument).join(' ')} %u`,
    `MimeType=${mimeType};`,
    'NoDisplay=true',
    'Terminal=false',
    '',
  ].join('\n')
}

/** The Exec key, "Quoting": double quotes around, backslash before `"`, backtick, `$` and `\`; and twice, as a string. */
export function quoteArgument(argument: string): string {
  if (/\p{Cc}/u.test(argument))
    throw new BrokerError('invalid_request', 'A program path with control characters cannot be registered.')
  const quoted = `"${argument.replaceAll(/["`$\\]/gu, '\\$&')}"`
  return (/^[\w@/.:=+-]+$/u.test(argument) ? argument : quoted).replaceAll('\\', '\\\\').replaceAll('%', '%%')
}

function xdgMime(args: readonly string[], env: Environment): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('xdg-mime', [...args], { env: { ...env }, timeout: 10_000 }, (error, stdout) => {
      if (error) reject(new Error('xdg-mime failed', { cause: error }))
      else resolve(stdout)
    })
  })
}
