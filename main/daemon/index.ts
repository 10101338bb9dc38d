/**
 * The headless host: the same broker as the desktop's, without a window. The rule: this file wires and decides nothing;
 * read top to bottom it says what a broker consists of and in which order it comes and goes.
 */
import { join } from 'node:path'
import { Broker } from '../broker/broker.ts'
import type { Ports, Vault } from '../broker/ports.ts'
import { asBrokerError, BrokerError, errorTable } from '../contract/errors.ts'
import { homePaths, type HomePaths } from '../contract/home.ts'
import { describeFault } from '../endpoint/fault.ts'
import { loadIdentity } from '../endpoint/identity.ts'
import { startEndpoint } from '../endpoint/server.ts'
import { createAuthorizationServers } from '../oauth/authorization-servers.ts'
import { openLibrary } from '../providers/library.ts'
import { openActivity } from '../vault/activity.ts'
import { prepareHome } from '../vault/home.ts'
import { takeOwnership, type Ownership } from '../vault/owner-lock.ts'
import { bootName } from '../vault/boot.ts'
import { openVault } from '../vault/vault.ts'
import { type DaemonArguments, parseDaemonArguments } from './arguments.ts'
import type { Console } from './console.ts'
import { systemClock, systemRandomness } from './clock.ts'
import { admitCommandLine } from './command-line.ts'
import { faultPoints } from './faults.ts'
import { createLog } from './log.ts'
import { giveBackMemory } from './memory.ts'
import { readNewPassphrase } from './passphrase.ts'
import { createPerson } from './person.ts'
import { createPreferenceStore } from './preferences.ts'
import { createSlots } from './slots.ts'
import { takeScheme } from './scheme.ts'
import { whenAskedToStop } from './stop.ts'

declare const __VERSION__: string

const { env, platform, stderr } = process
const log = createLog(env['VALETKEY_LOG'] === 'debug' ? 'debug' : 'info', (line) => stderr.write(line))

async function run(argv: readonly string[]): Promise<void> {
  const wanted = parseDaemonArguments(argv)
  const paths = homePaths(env, platform)
  prepareHome(paths)
  const ownership = own(paths)
  const ports = await openPorts(paths, wanted)
  await makeFirstKey(ports.vault, wanted)
  const served: { console?: Console } = {}
  const broker = new Broker(ports, {
    version: __VERSION__,
    host: 'daemon',
    home: paths.home,
    consoleLink: () => served.console?.newUrl(),
    // The answer is sent before the process goes.
    handOver: () => setImmediate(() => process.kill(process.pid, 'SIGTERM')),
  })
  await broker.open()
  await admitCommandLine(broker, paths)
  const endpoint = await startEndpoint({
    paths,
    asking: broker.asking,
    deciding: broker.deciding,
    identity: loadIdentity(paths.identity),
    http: wanted.http,
    log,
    host: 'daemon',
    version: __VERSION__,
  })
  if (wanted.console) served.console = await openConsole(broker)
  if (endpoint.http_url !== undefined) say(`loopback HTTP: ${endpoint.http_url}`)
  if (served.console) say(`console (opens once, within five minutes): ${served.console.url}`)
  // The last line: whoever waited for it has seen the others.
  say(`Valetkey is ready in ${paths.home}`)
  whenAskedToStop(async () => {
    await served.console?.close()
    await endpoint.close()
    await broker.stop()
    ports.activity.close()
    ownership.release()
  }, log)
  await broker.settle()
  giveBackMemory()
}

/** R2: one owner. Throws with where the other one is to be found. */
function own(paths: HomePaths): Ownership {
  const ownership = takeOwnership(paths.ownerLock)
  if (ownership) return ownership
  throw new BrokerError('temporarily_unavailable', `Valetkey is already running in ${paths.home}.`, {
    resolve: { command: 'valetkey status' },
  })
}

async function openPorts(
  paths: HomePaths,
  wanted: DaemonArguments,
): Promise<Ports & { readonly activity: ReturnType<typeof openActivity> }> {
  const [clock, randomness] = [systemClock, systemRandomness]
  const slots = createSlots(wanted.protection, paths, clock)
  const vault = await openVault({ paths, slots, clock, randomness, log, boot: bootName(platform) })
  const definitions = openLibrary(paths.providers, log, (text) => vault.attest(text), paths.providerMarks)
  return {
    clock,
    randomness,
    log,
    vault,
    definitions,
    activity: openActivity({ path: paths.activity, clock, log }),
    servers: createAuthorizationServers({
      providers: definitions,
      log,
      clock,
      version: __VERSION__,
      ...(wanted.scheme && { schemeIsOurs: await takeScheme(paths, env, platform) }),
    }),
    person: createPerson(env, platform, log),
    preferences: createPreferenceStore(paths),
    faults: faultPoints(env),
  }
}

/** A vault that was just made and opens with a passphrase gets one now; an older one waits for `valetkey unlock`. */
async function makeFirstKey(vault: Vault, { protection }: DaemonArguments): Promise<void> {
  if (vault.protection() !== null || vault.state() !== 'locked') return
  try {
    await vault.unlock(protection === 'passphrase' ? await readNewPassphrase() : undefined)
  } catch (thrown) {
    const { code, message } = asBrokerError(thrown)
    if (protection !== 'os-keyring' || code !== 'locked') throw thrown
    throw new BrokerError(code, message, { cause: thrown, resolve: { command: 'valetkey daemon --passphrase' } })
  }
}

async function openConsole(broker: Broker): Promise<Console> {
  const [{ startConsole }, { loadAssets }] = await Promise.all([import('./console.ts'), import('./console-assets.ts')])
  return startConsole({
    deciding: broker.deciding,
    assets: await loadAssets(join(import.meta.dirname, 'renderer')),
    log,
  })
}

const say = (sentence: string): boolean => stderr.write(`${sentence}\n`)

run(process.argv.slice(3)).catch((thrown: unknown) => {
  const error = asBrokerError(thrown)
  if (process.argv.includes('--json')) say(JSON.stringify(error.toBody()))
  else {
    say(`valetkey: ${error.message}`)
    if (error.resolve?.command !== undefined) say(`run: ${error.resolve.command}`)
  }
  if (error.code === 'server_error') log('error', 'daemon.fault', describeFault(error.cause ?? error))
  process.exit(errorTable[error.code].exit)
})
