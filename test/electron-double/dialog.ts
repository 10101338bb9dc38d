/**
 * `dialog` (Electron's page of that name). The rule: nobody is there to answer, so every answer is the test's: it queues
 * them in `electronStandIn.dialogAnswers` (what Electron's function resolves with), and a dialog without one rejects
 * instead of choosing something.
 *
 * Modelled: message box, open and save dialogs, the error box (kept, and printed). Not modelled: the synchronous forms.
 */
import type Electron from 'electron'
import { control } from './control.ts'
import { modelled } from './modelled.ts'

function ask<Answer>(kind: string): (...given: readonly unknown[]) => Promise<Answer> {
  return async (...given) => {
    control.dialogs.push({ kind, options: given.at(-1) })
    if (control.dialogAnswers.length === 0)
      throw new Error(`electron stand-in: nobody answers dialog.${kind}; queue one in electronStandIn.dialogAnswers`)
    return control.dialogAnswers.shift() as Answer
  }
}

export const dialog = modelled<Electron.Dialog>('dialog', {
  showMessageBox: ask<Electron.MessageBoxReturnValue>('showMessageBox'),
  showOpenDialog: ask<Electron.OpenDialogReturnValue>('showOpenDialog'),
  showSaveDialog: ask<Electron.SaveDialogReturnValue>('showSaveDialog'),
  showErrorBox: (title, content) => {
    control.dialogs.push({ kind: 'showErrorBox', options: { title, content } })
    console.error(`${title}\n${content}`)
  },
} satisfies Partial<Electron.Dialog>)
