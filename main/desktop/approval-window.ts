/**
 * The window of one question: small, above the others, and not in the way of what the person is typing. The rule: it never
 * takes the focus, and every way it can go but our own taking it away counts as dismissed.
 */
import type { WindowMaker } from './windows.ts'
import type { PromptSurface } from './prompts.ts'

const shape = {
  width: 480,
  height: 560,
  minWidth: 360,
  minHeight: 320,
  alwaysOnTop: true,
  minimizable: false,
  maximizable: false,
  fullscreenable: false,
} as const

/** Opens question windows; the page is `#/prompt/{id}` of the same renderer. */
export function approvalWindows(maker: WindowMaker): PromptSurface['open'] {
  return (request_id, onShown, onDismissed) => {
    let over = false
    const dismiss = (): void => {
      if (over) return
      over = true
      onDismissed()
    }
    const hash = `#/prompt/${encodeURIComponent(request_id)}`
    const window = maker.open({ kind: 'prompt', request_id }, hash, shape, () => {
      window.destroy()
    })
    window.once('ready-to-show', () => {
      window.showInactive()
      onShown()
    })
    window.on('closed', dismiss)
    return {
      close: () => {
        over = true
        if (!window.isDestroyed()) window.destroy()
      },
    }
  }
}
