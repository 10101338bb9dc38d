/**
 * `crashReporter` (Electron's page of that name). The rule: it takes down how it was started, in
 * `electronStandIn.crashReporterOptions`, and reports nothing: the stand-in writes no dumps.
 */
import type Electron from 'electron'
import { control } from './control.ts'
import { modelled } from './modelled.ts'

export const crashReporter = modelled<Electron.CrashReporter>('crashReporter', {
  start: (options) => {
    control.crashReporterOptions.push(options)
  },
  getUploadToServer: () => control.crashReporterOptions.at(-1)?.uploadToServer ?? true,
  getParameters: () => ({ ...control.crashReporterOptions.at(-1)?.extra }),
} satisfies Partial<Electron.CrashReporter>)
