/**
 * Who sent an IPC message. The rule (checklist 17): one place, before anything else is looked at; the message counts only
 * from the top frame of one of our own windows, showing a page of ours.
 */
import { uiOrigin } from './app-scheme.ts'

/** What of Electron's `IpcMainInvokeEvent` is judged; `senderFrame` is `null` when the frame has gone meanwhile. */
export interface Sent {
  readonly sender: { readonly id: number }
  readonly senderFrame: { readonly origin: string; readonly parent: object | null; readonly detached: boolean } | null
}

/** Why a message is not to be answered; `undefined` when it is. `isOurs`: whether a window of ours has that id. */
export function senderProblem({ sender, senderFrame }: Sent, isOurs: (id: number) => boolean): string | undefined {
  if (senderFrame === null) return 'frame-gone'
  if (senderFrame.detached) return 'frame-detached'
  if (senderFrame.parent !== null) return 'not-top-frame'
  if (senderFrame.origin !== uiOrigin) return 'foreign-origin'
  return isOurs(sender.id) ? undefined : 'foreign-window'
}
