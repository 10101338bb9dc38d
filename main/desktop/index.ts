/**
 * The desktop host: the daemon's broker with windows. The rule: this file wires and decides nothing; read top to bottom it
 * says what the app consists of and in which order it comes and goes.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { app, dialog, ipcMain, powerMonitor, protocol, session, shell } from 'electron'
import { Broker } from '../broker/broker.ts'
import { asBrokerError, errorTable } from '../contract/errors.ts'
import { homePaths, type HomePaths } from '../contract/home.ts'
import type { Snapshot } from '../contract/window-api.ts'
import { admitCommandLine } from '../daemon/command-line.ts'
import { loadAssets } from '../daemon/console-assets.ts'
import { createLog } from '../daemon/log.ts'
import { loadIdentity } from '../endpoint/identity.ts'
import { startEndpoint } from '../endpoint/server.ts'
import { prepareHome } from '../vault/home.ts'
import { registerAppScheme, serveAppScheme } from './app-scheme.ts'
import { collectRedirects, listenForRedirects, readArguments } from './deep-links.ts'
import { harden, hardenSession } from './hardening.ts'
import { followLoginItem, hiddenArgument, isLoginStart } from './login-item.ts'
import { ownHome } from './ownership.ts'
import { createPerson, isKnownAddress } from './person.ts'
import { openPorts } from './ports.ts'
import { watchPower } from './power-monitor.ts'
import { whenQuitting } from './quit.ts'
import type { Command } from './scheme.ts'
import { openSurfaces } from './surfaces.ts'
import { startUpdates } from './updates.ts'
import { uiPartition } from './web-preferences.ts'
import { createWindowMaker } from './windows.ts'

declare const __VERSION__: string

// Before anything can touch the keychain: its entry is named after the app, and another name would be another key.
app.setName('Valetkey')

const { argv, env, execPath, platform, resourcesPath: resources, stderr } = process
const log = createLog(env['VALETKEY_LOG'] === 'debug' ? 'debug' : 'info', (line) => stderr.write(line))
const command: Command = app.isPackaged ? [execPath] : [execPath, app.getAppPath()]
const person = createPerson(shell)
const redirects = collectRedirects()
let newest: Snapshot | undefined
let wanted = !argv.includes(hiddenArgument)
/** Brings the main window up; what is asked for before there is one is remembered. */
let show = (): void => {
  wanted = true
}

// Chromium would write the keys of its connections there.
delete env['SSLKEYLOGFILE']
// Electron would show a dialog with the stack, and what was being done stands in messages.
process.on('uncaughtException', ({ name }) => {
  log('error', 'desktop.fault', { code: name })
})
harden(app, (url) => {
  if (isKnownAddress(newest, url)) void person.openBrowser(url)
})
registerAppScheme(protocol)
listenForRedirects(app, argv, redirects)
start().catch(fail)

/** What has to happen before the app is ready happens in this turn. */
async function start(): Promise<void> {
  const paths = homePaths(env, platform)
  prepareHome(paths)
  keepDataIn(join(paths.home, 'desktop'))
  if (!app.requestSingleInstanceLock()) {
    app.quit()
    return
  }
  app.on('second-instance', (_event, theirs) => {
    const asked = readArguments(theirs)
    if (asked.kind === 'redirect') redirects.offer(asked.url)
    if (asked.kind === 'start' && !theirs.includes(hiddenArgument)) show()
  })
  app.on('activate', () => {
    show()
  })
  // The broker outlives its windows.
  app.on('window-all-closed', () => undefined)
  await app.whenReady()
  await run(paths)
}

async function run(paths: HomePaths): Promise<void> {
  const ownership = await ownHome(paths, log)
  const ports = await openPorts({ paths, version: __VERSION__, command, person, log })
  const broker = new Broker(ports, { version: __VERSION__, host: 'desktop', home: paths.home })
  await broker.open()
  await admitCommandLine(broker, paths)
  const { asking, deciding } = broker
  const identity = loadIdentity(paths.identity)
  const endpoint = await startEndpoint({
    paths,
    asking,
    deciding,
    identity,
    log,
    host: 'desktop',
    version: __VERSION__,
  })
  await serveWindowFiles()
  const surfaces = openSurfaces({
    deciding,
    ipc: ipcMain,
    maker: createWindowMaker(join(import.meta.dirname, 'preload.cjs'), app.isPackaged, log),
    log,
    listeners: [
      (snapshot) => {
        newest = snapshot
      },
      followLoginItem({ app, platform, env, command, log }),
    ],
  })
  const door = deciding.on('window')
  watchPower({ ...ports, monitor: powerMonitor, platform, door, newest: () => newest, review: () => broker.settle() })
  const updates = await startUpdates({ resources, platform, env, log })
  whenQuitting(
    app,
    async () => {
      if (updates.kind === 'on') updates.stop()
      surfaces.stop()
      await endpoint.close()
      await broker.stop()
      ports.activity.close()
      ownership.release()
    },
    log,
  )
  show = () => {
    surfaces.main.show()
  }
  if (wanted && !isLoginStart(app, platform)) show()
  redirects.deliverTo((url) => {
    // Any page can cause one: only the answer to a sign-in of ours has an effect, and only then the window comes up.
    door.deliverRedirect({ url }).then(
      ({ taken }) => {
        if (taken) show()
      },
      () => {
        log('error', 'redirect.failed')
      },
    )
  })
  await broker.settle()
}

/** Chromium's data, and with it the single-instance lock and Windows' key, belong to the home, not to the machine. */
function keepDataIn(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  app.setPath('userData', folder)
}

async function serveWindowFiles(): Promise<void> {
  const ours = session.fromPartition(uiPartition)
  for (const each of [session.defaultSession, ours]) hardenSession(each)
  serveAppScheme(ours.protocol, await loadAssets(join(import.meta.dirname, 'renderer')))
}

function fail(thrown: unknown): void {
  const error = asBrokerError(thrown)
  stderr.write(`valetkey: ${error.message}\n`)
  if (error.code === 'server_error') log('error', 'desktop.fault')
  dialog.showErrorBox('Valetkey cannot start', error.message)
  app.exit(errorTable[error.code].exit)
}
