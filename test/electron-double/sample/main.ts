/**
 * A small app on Electron's API, for the tests of the stand-in: it does what the desktop app will have to do, with the
 * strictest settings. The rule: it uses nothing that is the stand-in's own, so it would run on the real runtime unchanged.
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  app,
  BrowserWindow,
  crashReporter,
  ipcMain,
  Menu,
  nativeImage,
  nativeTheme,
  Notification,
  powerMonitor,
  protocol,
  safeStorage,
  session,
  shell,
  Tray,
} from 'electron'

app.setName('stand-in-sample')
app.enableSandbox()
crashReporter.start({ uploadToServer: false })
protocol.registerSchemesAsPrivileged([
  { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } },
])

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
const files: ReadonlyMap<string, readonly [file: string, type: string]> = new Map([
  ['/', ['index.html', 'text/html; charset=utf-8']],
  ['/page.js', ['page.js', 'text/javascript']],
])

/** What happened, for the tests to read. */
const log: string[] = []
Object.assign(globalThis, { sampleLog: log })

let window: BrowserWindow | undefined
let tray: Tray | undefined

const schemeOfLinks = 'app.valetkey:'

function takeLinks(argv: readonly string[]): void {
  for (const link of argv.filter((argument) => argument.startsWith(schemeOfLinks))) {
    window?.webContents.send('message', link)
    log.push(`link ${link}`)
  }
}

function serve(request: Request): Response {
  const { host, pathname } = new URL(request.url)
  const [file, type] = files.get(pathname) ?? []
  if (host !== 'ui' || request.method !== 'GET' || file === undefined || type === undefined)
    return new Response('not found', { status: 404 })
  return new Response(readFileSync(join(import.meta.dirname, file), 'utf8'), {
    headers: { 'Content-Type': type, 'Content-Security-Policy': policy, 'X-Content-Type-Options': 'nosniff' },
  })
}

function openWindow(): void {
  const ui = session.fromPartition('sample')
  window = new BrowserWindow({
    width: 700,
    height: 500,
    show: false,
    webPreferences: {
      preload: join(import.meta.dirname, 'preload.cjs'),
      additionalArguments: ['--from-main'],
      session: ui,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
    },
  })
  window.once('ready-to-show', () => window?.show())
  for (const name of ['show', 'hide', 'close', 'closed'] as const) window.on(name as 'show', () => log.push(name))
  // It fails when the window is closed before the page has loaded.
  window.loadURL('app://ui/').catch((error: unknown) => log.push(String(error)))
}

function answerPage(): void {
  ipcMain.handle('echo', (_event, ...values: unknown[]) => values)
  ipcMain.handle('sender', ({ senderFrame, sender }) => ({
    origin: senderFrame?.origin,
    url: senderFrame?.url,
    isTop: senderFrame?.top === senderFrame && senderFrame?.parent === null,
    isOurs: sender === window?.webContents,
  }))
  ipcMain.handle('fail', () => {
    throw new TypeError('n must be a number')
  })
  ipcMain.handle('unclonable', () => () => 1)
  ipcMain.handle('slow-sender', async (event) => {
    await new Promise((resolve) => ipcMain.once('go-on', resolve))
    log.push(`late sender ${event.senderFrame?.url ?? 'null'}`)
  })
  ipcMain.on('said', (_event, ...values: unknown[]) => log.push(`said ${JSON.stringify(values)}`))
  ipcMain.handle('keep', async (_event, text: string) => {
    const encrypted = await safeStorage.encryptStringAsync(text)
    return encrypted.toString('base64')
  })
  ipcMain.handle('reveal', (_event, kept: string) => safeStorage.decryptStringAsync(Buffer.from(kept, 'base64')))
}

app.on('web-contents-created', (_event, contents) => {
  contents.setWindowOpenHandler(({ url }) => {
    log.push(`open ${url}`)
    if (url.startsWith('https://docs.example/')) void shell.openExternal(url)
    return { action: 'deny' }
  })
  for (const name of ['will-navigate', 'will-frame-navigate', 'will-redirect'] as const)
    contents.on(name as 'will-navigate', (event) => {
      log.push(`${name} ${event.url}`)
      event.preventDefault()
    })
  contents.on('render-process-gone', (_gone, { reason }) => {
    log.push(`gone ${reason}`)
    contents.reload()
  })
})

if (!app.requestSingleInstanceLock({ from: process.pid })) app.quit()
else {
  app.on('second-instance', (_event, argv, workingDirectory, additionalData) => {
    log.push(`second ${workingDirectory} ${JSON.stringify(Object.keys(additionalData as object))}`)
    window?.show()
    takeLinks(argv)
  })
  app.on('open-url', (event, url) => {
    event.preventDefault()
    takeLinks([url])
  })
  app.on('window-all-closed', () => log.push('window-all-closed'))
  for (const name of ['before-quit', 'will-quit', 'quit'] as const)
    app.on(name as 'quit', () => {
      const file = process.env['SAMPLE_LOG']
      if (file !== undefined) appendFileSync(file, `${name}\n`)
    })
  for (const name of ['suspend', 'resume', 'lock-screen'] as const)
    powerMonitor.on(name as 'suspend', () => log.push(name))
  nativeTheme.on('updated', () => log.push(`dark ${String(nativeTheme.shouldUseDarkColors)}`))
}
function prepare(): void {
  const ui = session.fromPartition('sample')
  ui.setPermissionRequestHandler((_contents, _permission, callback) => callback(false))
  ui.setPermissionCheckHandler(() => false)
  ui.webRequest.onBeforeRequest((details, callback) => callback({ cancel: !details.url.startsWith('app:') }))
  ui.protocol.handle('app', serve)
  answerPage()
  Menu.setApplicationMenu(Menu.buildFromTemplate([{ label: 'File', submenu: [{ id: 'quit', role: 'quit' }] }]))
  tray = new Tray(nativeImage.createEmpty())
  tray.setToolTip('Stand-in sample')
  tray.setContextMenu(
    Menu.buildFromTemplate([
      { id: 'lock', label: 'Lock', click: () => log.push('tray lock') },
      {
        id: 'pause',
        label: 'Pause',
        type: 'checkbox',
        click: ({ checked }) => log.push(`tray pause ${String(checked)}`),
      },
    ]),
  )
  ipcMain.handle('notify', (_event, body: string) => {
    const notification = new Notification({ title: 'Sample', body })
    notification.on('click', () => log.push(`clicked ${body}`))
    notification.show()
  })
  openWindow()
  takeLinks(process.argv)
}

void app.whenReady().then(prepare)
