/**
 * `doctor`: what is wrong and how to mend it, also when nothing runs. The rule: it only looks; every finding that is not
 * fine says what to do about it.
 */
import { lstatSync, type Stats } from 'node:fs'
import { asBrokerError } from '../../contract/errors.ts'
import type { HomePaths } from '../../contract/home.ts'
import type { Finding } from '../../contract/window-api.ts'
import { callBroker } from '../broker-call.ts'
import { readEndpointFile } from '../endpoint-file.ts'
import { isSupported } from '../node-version.ts'
import { neutralise } from '../output.ts'
import { type Environment, pathsOf } from '../place.ts'
import { readPrivateFile } from '../trust.ts'
import { type Session, show } from './session.ts'

/** Examines this side, then lets the broker examine itself. Gives exit status 1 when something is an error. */
export async function examine(session: Session): Promise<number> {
  const paths = pathsOf(session.env)
  const local = [
    nodeVersion(process.versions.node),
    ...environmentNotes(session.env),
    folder('home folder', paths.home, look(paths.home)),
    folder('run folder', paths.run, look(paths.run)),
    ...privateFile('identity key', paths.identity),
    ...privateFile('command line token', paths.cliToken),
  ]
  const broker = await askBroker(session, paths)
  const findings = [...local, ...broker].toSorted((a, b) => weight(b) - weight(a))
  show(session, { findings }, () => findings.flatMap(describeFinding))
  return findings.some(({ level }) => level === 'error') ? 1 : 0
}

const weight = ({ level }: Finding): number => ['ok', 'warning', 'error'].indexOf(level)

function describeFinding({ level, subject, message, mend }: Finding): readonly string[] {
  const line = `${level.padEnd(7)}  ${neutralise(subject)}: ${neutralise(message)}`
  return mend === undefined ? [line] : [line, `         mend: ${neutralise(mend)}`]
}

function nodeVersion(version: string): Finding {
  const subject = 'Node'
  return isSupported(version)
    ? { level: 'ok', subject, message: version }
    : { level: 'error', subject, message: `${version} is too old`, mend: 'install Node 24 or newer' }
}

/** Variables that lead elsewhere than to the home folder are easily forgotten. */
function environmentNotes(env: Environment): readonly Finding[] {
  return ['VALETKEY_SOCK', 'VALETKEY_URL', 'VALETKEY_CLIENT_TOKEN']
    .filter((name) => (env[name] ?? '') !== '')
    .map((name) => ({
      level: 'warning',
      subject: 'environment',
      message: `${name} is set and wins over the home folder`,
      mend: `unset ${name}`,
    }))
}

function look(path: string): Stats | null {
  try {
    return lstatSync(path)
  } catch {
    return null
  }
}

/** Judges one of our folders by what `lstat` says of it. */
function folder(subject: string, path: string, stats: Pick<Stats, 'isDirectory' | 'uid' | 'mode'> | null): Finding {
  if (stats === null)
    return { level: 'warning', subject, message: `${path} does not exist yet`, mend: 'valetkey daemon (makes it)' }
  const wrong = (message: string, mend: string): Finding => ({
    level: 'error',
    subject,
    message: `${path} ${message}`,
    mend,
  })
  if (!stats.isDirectory()) return wrong('is not a folder', `move ${path} aside`)
  const uid = process.geteuid?.()
  if (uid === undefined) return { level: 'ok', subject, message: path }
  if (stats.uid !== uid) return wrong('belongs to another user', `move ${path} aside, or set VALETKEY_HOME`)
  if ((stats.mode & 0o077) !== 0) return wrong('is open to other users', `chmod 700 ${path}`)
  return { level: 'ok', subject, message: `${path} is yours alone` }
}

function privateFile(subject: string, path: string): readonly Finding[] {
  try {
    const text = readPrivateFile(path)
    return text === null ? [] : [{ level: 'ok', subject, message: `${path} is yours alone` }]
  } catch (thrown) {
    const { message, resolve } = asBrokerError(thrown)
    return [
      { level: 'error', subject, message, mend: resolve?.command ?? `move ${path} aside and start the broker again` },
    ]
  }
}

async function askBroker(session: Session, paths: HomePaths): Promise<readonly Finding[]> {
  const announced = announcement(paths)
  try {
    const [{ findings }, known] = await Promise.all([session.decide('doctor'), commandLine(session)])
    return [
      { level: 'ok', subject: 'broker', message: `answers at ${paths.control}` },
      ...announced,
      ...known,
      ...findings,
    ]
  } catch (thrown) {
    const error = asBrokerError(thrown)
    if (error.code !== 'not_running')
      return [
        ...announced,
        {
          level: 'error',
          subject: 'broker',
          message: error.message,
          ...(error.resolve?.command !== undefined && { mend: error.resolve.command }),
        },
      ]
    return [
      ...announced,
      ...stale(paths),
      {
        level: 'warning',
        subject: 'broker',
        message: error.message,
        mend: error.resolve?.command ?? 'valetkey daemon',
      },
    ]
  }
}

/** Whether the broker still knows the command line's own token. */
async function commandLine(session: Session): Promise<readonly Finding[]> {
  try {
    await callBroker(session.env, 'status', undefined)
    return []
  } catch (thrown) {
    const subject = 'command line'
    const { message } = asBrokerError(thrown)
    return [
      { level: 'error', subject, message, mend: 'start the broker again; it pairs the command line when it starts' },
    ]
  }
}

function announcement({ endpointFile, ...paths }: HomePaths): readonly Finding[] {
  try {
    const endpoint = readEndpointFile({ endpointFile, ...paths })
    if (endpoint === null || isAlive(endpoint.pid)) return []
    const message = `${endpointFile} was left behind by a broker that ended badly (pid ${String(endpoint.pid)})`
    return [{ level: 'warning', subject: 'announcement', message, mend: 'valetkey daemon (replaces it)' }]
  } catch (thrown) {
    return [
      {
        level: 'error',
        subject: 'announcement',
        message: asBrokerError(thrown).message,
        mend: `move ${endpointFile} aside and start the broker again`,
      },
    ]
  }
}

function stale({ socket, control }: HomePaths): readonly Finding[] {
  return [socket, control]
    .filter((path) => look(path) !== null)
    .map((path) => ({
      level: 'warning',
      subject: 'socket',
      message: `${path} is there, but nobody of yours answers`,
      mend: 'valetkey daemon (replaces it)',
    }))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM'
  }
}
