/**
 * Notices as the system shows them. The rule: a press opens the window, and there is no button to press.
 */
import type { Notification } from 'electron'
import type { Snapshot } from '../contract/window-api.ts'
import { notices } from './notices.ts'

export interface NotificationHost {
  create(title: string, body: string): Notification
  isSupported(): boolean
  isHidden(): boolean
  show(hash: string): void
}

/** What to call with each snapshot. */
export function createNotifier(host: NotificationHost): (snapshot: Snapshot) => void {
  const open = new Map<string, Notification>()
  return (snapshot) => {
    if (!host.isSupported()) return
    const { show, close } = notices(snapshot, new Set(open.keys()), host.isHidden())
    for (const key of close) {
      open.get(key)?.close()
      open.delete(key)
    }
    for (const { key, title, body, hash } of show) {
      const notification = host.create(title, body)
      notification.on('click', () => {
        host.show(hash)
      })
      open.set(key, notification)
      notification.show()
    }
  }
}
