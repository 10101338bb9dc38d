/**
 * A session with a system keyring that is unlocked, as a desktop login leaves it: a session bus and gnome-keyring, both
 * our own. The rule: the bus starts nothing by itself, so that the keyring there is the one we started, in the home we
 * gave it, and both end with us.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { until } from '../setup/daemon.ts'

const checkout = resolve(import.meta.dirname, '../..')

/** The session bus's usual policy (dbus-daemon(1)), without a folder of services it could start. */
const busConfiguration = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
`

const session = `printf anything | gnome-keyring-daemon --unlock --foreground --components=secrets >/dev/null &
printf '%s\\n' "$DBUS_SESSION_BUS_ADDRESS"
cat >/dev/null
kill $!
wait $!`

/** Asks for an entry that is not there: an answer of any kind but an error means that the keyring works. */
const probe = `const { AsyncEntry } = require('@napi-rs/keyring')
new AsyncEntry('test', 'test', { linux: { store: 'secret-service' } }).getSecret().catch(() => process.exit(1))`

export interface Keyring {
  /** What a process needs in its environment to use it. */
  readonly env: { readonly DBUS_SESSION_BUS_ADDRESS: string }
  stop(): Promise<void>
}

/** Starts it for the home in `env`, with its own files in `folder`, and waits until it answers. */
export async function startKeyring(folder: string, env: NodeJS.ProcessEnv): Promise<Keyring> {
  const run = join(folder, 'run')
  mkdirSync(run, { recursive: true, mode: 0o700 })
  const configuration = join(folder, 'bus.conf')
  writeFileSync(configuration, busConfiguration)
  const child = spawn('dbus-run-session', ['--config-file', configuration, '--', 'sh', '-c', session], {
    env: { ...env, XDG_RUNTIME_DIR: run },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const ended = once(child, 'close')
  const [address] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    ended.then(() => {
      throw new Error('the session bus did not start')
    }),
  ])) as [string]
  const keyring = { DBUS_SESSION_BUS_ADDRESS: address }
  await until(() => {
    const asked = spawnSync(process.execPath, ['-e', probe], { cwd: checkout, env: { ...env, ...keyring } })
    return asked.status === 0 ? true : undefined
  })
  return {
    env: keyring,
    stop: async () => {
      child.stdin.end()
      await ended
    },
  }
}
