/**
 * An app for the stand-in that prints, as JSON, what the stand-in offers of Electron's API and whether it throws for all
 * the rest. The rule: it looks at the objects that an app gets, and takes the names that should throw from Electron's own
 * type file, so that neither list is written by hand.
 */
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as electron from 'electron'

/** What `test/stand-in/conformance.test.ts` reads. */
export interface Members {
  /** Electron's type, as an expression in its type file, then the names offered of it. */
  readonly offered: Readonly<Record<string, readonly string[]>>
  /** Members of Electron's that can be touched without an error although they are not offered. */
  readonly silent: readonly string[]
  /** How many members were touched and threw. */
  readonly thrown: number
}

const typeFile = join(dirname(createRequire(import.meta.url).resolve('electron/package.json')), 'electron.d.ts')
const types = readFileSync(typeFile, 'utf8').split('\n')

/** The members that `interface NAME` or `class NAME` declares, apart from those of every emitter. */
function declared(name: string): readonly { readonly member: string; readonly isStatic: boolean }[] {
  const start = types.findIndex((line) =>
    new RegExp(`^ {2}(?:class|interface) ${name}(?: extends .*)? \\{$`, 'u').test(line),
  )
  const end = types.indexOf('  }', start)
  if (start === -1) throw new Error(`electron.d.ts has no ${name}`)
  return types.slice(start, end).flatMap((line) => {
    const [, isStatic, member] = /^ {4}(static )?(?:readonly )?([a-zA-Z]+)[(?:<]/u.exec(line) ?? []
    const isMember = member !== undefined && member !== 'constructor' && !(member in EventEmitter.prototype)
    return isMember ? [{ member, isStatic: isStatic !== undefined }] : []
  })
}

/** The names an object has of its own or of its classes, down to where Node's or the language's begin. */
function namesOf(object: object): readonly string[] {
  const names: string[] = []
  for (
    let level: object | null = object;
    level !== null && level !== EventEmitter.prototype && level !== Object.prototype;
    level = Reflect.getPrototypeOf(level)
  )
    names.push(...Object.getOwnPropertyNames(level))
  return [...new Set(names)].filter((name) => !name.startsWith('_') && name !== 'constructor')
}

function staticNamesOf(made: object): readonly string[] {
  return Object.getOwnPropertyNames(made).filter((name) => !['length', 'name', 'prototype'].includes(name))
}

const { app, session, Menu } = electron

/** The objects, under the name of Electron's type. */
function objects(): Readonly<Record<string, object>> {
  const window = new electron.BrowserWindow({ show: false })
  const menu = Menu.buildFromTemplate([{ label: 'one' }])
  return {
    ...{ App: app, CommandLine: app.commandLine, Clipboard: electron.clipboard, IpcMain: electron.ipcMain },
    ...{ CrashReporter: electron.crashReporter, Dialog: electron.dialog, NativeTheme: electron.nativeTheme },
    ...{ Net: electron.net, PowerMonitor: electron.powerMonitor, SafeStorage: electron.safeStorage },
    ...{ Screen: electron.screen, Shell: electron.shell, Protocol: electron.protocol, BrowserWindow: window },
    ...{ Session: session.defaultSession, WebRequest: session.defaultSession.webRequest },
    ...{ WebContents: window.webContents, WebFrameMain: window.webContents.mainFrame },
    ...{ Menu: menu, MenuItem: menu.items[0] ?? {}, NativeImage: electron.nativeImage.createEmpty() },
    ...{ Tray: new electron.Tray(electron.nativeImage.createEmpty()), Notification: new electron.Notification() },
    ClipboardItem: new electron.ClipboardItem({ 'text/plain': 'x' }),
  }
}

const statics: Readonly<Record<string, object>> = {
  ...{ BrowserWindow: electron.BrowserWindow, Menu: electron.Menu, Notification: electron.Notification },
  ...{ WebContents: electron.webContents, NativeImage: electron.nativeImage, Session: session },
}

function isSilent(object: object, member: string): boolean {
  try {
    Reflect.get(object, member)
    return true
  } catch (error) {
    return !(error instanceof Error && error.message.endsWith(`.${member} is not modelled`))
  }
}

function list(): Members {
  const offered: Record<string, readonly string[]> = {}
  const touched = [
    ...Object.entries(objects()).map(([name, object]) => ({ name, object, isStatic: false })),
    ...Object.entries(statics).map(([name, object]) => ({ name, object, isStatic: true })),
  ].map(({ name, object, isStatic }) => {
    const has = isStatic && typeof object === 'function' ? staticNamesOf(object) : namesOf(object)
    offered[isStatic ? `typeof Electron.${name}` : `Electron.${name}`] = has
    const missing = declared(name).filter((entry) => entry.isStatic === isStatic && !has.includes(entry.member))
    return missing.map(({ member }) => ({ path: `${name}.${member}`, isSilent: isSilent(object, member) }))
  })
  const all = touched.flat()
  const silent = all.filter((entry) => entry.isSilent).map(({ path }) => path)
  return { offered, silent, thrown: all.length - silent.length }
}

void app.whenReady().then(() => {
  process.stdout.write(JSON.stringify(list()))
  app.exit()
})
