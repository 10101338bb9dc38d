/**
 * The sample app of the stand-in, started for a test file. The rule: it has a home of its own, removed afterwards, and it is
 * ended by the test that started it.
 */
import '../electron-double/control.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { ElectronApplication, Page } from 'playwright-core'
import { type Desktop, launchDesktop } from '../electron-double/launch.ts'

export const sampleFolder = resolve(import.meta.dirname, '../electron-double/sample')

export interface Sample extends Desktop {
  readonly page: Page
  readonly home: string
  /** What the sample's main process wrote down, oldest first. */
  readonly log: () => Promise<readonly string[]>
  /** What the browser of the person was asked to open, one address a line. */
  readonly openedFile: string
  /** Calls a handler of the main process from the page. */
  readonly invoke: (channel: string, ...values: readonly unknown[]) => Promise<unknown>
  /** Ends it, however it stands, and removes its home. */
  readonly end: () => Promise<void>
}

interface SampleBridge {
  readonly invoke: (channel: string, ...values: readonly unknown[]) => Promise<unknown>
}

export function readLog(app: ElectronApplication): Promise<readonly string[]> {
  return app.evaluate(() => [...(globalThis as unknown as { sampleLog: string[] }).sampleLog])
}

export async function startSample(
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Promise<Sample> {
  const home = mkdtempSync(join(tmpdir(), 'valetkey-stand-in-'))
  const openedFile = join(home, 'opened.txt')
  const browser = join(home, 'browser.sh')
  writeFileSync(browser, `#!/bin/sh\nprintf '%s\\n' "$1" >> '${openedFile}'\n`, { mode: 0o755 })
  const started = await launchDesktop({
    app: sampleFolder,
    home,
    args,
    real: false,
    env: { BROWSER: browser, SAMPLE_LOG: join(home, 'quit.log'), ...env },
  })
  const child = started.app.process()
  let printed = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
  })
  const page = await started.app.firstWindow()
  try {
    await page.getByRole('heading', { level: 1 }).waitFor()
  } catch (error) {
    throw new Error(`The sample did not come up (exit code ${String(child.exitCode)}). It printed:\n${printed}`, {
      cause: error,
    })
  }
  return {
    ...started,
    page,
    home,
    openedFile,
    log: () => readLog(started.app),
    invoke: (channel, ...values) =>
      page.evaluate(
        ({ channel: name, values: given }) =>
          (window as unknown as { sample: SampleBridge }).sample.invoke(name, ...given),
        { channel, values },
      ),
    end: async () => {
      if (child.exitCode === null && child.signalCode === null) await started.app.close()
      rmSync(home, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
