/**
 * `Notification` of the main process (Electron's page of that name). The rule: what was shown is kept in
 * `electronStandIn.notifications`, and the person's answer is an event that a test emits on it: `click`, `action`, `close`.
 *
 * Modelled: the texts and options, `show`, `close`, `isSupported`. Not modelled: history and groups, replies, a desktop that
 * shows none.
 */
import type Electron from 'electron'
import { control } from './control.ts'
import { createEvent, modelledEmitter } from './modelled.ts'

type Statics = Pick<typeof Electron.Notification, 'isSupported'>

export class Notification extends modelledEmitter<Electron.Notification, Statics>('Notification') {
  static override isSupported(): boolean {
    return true
  }

  override title: string
  override body: string
  override subtitle: string
  override silent: boolean
  override actions: Electron.NotificationAction[]
  override urgency: Electron.Notification['urgency']
  override timeoutType: Electron.Notification['timeoutType']

  constructor(options: Electron.NotificationConstructorOptions = {}) {
    super()
    this.title = options.title ?? ''
    this.body = options.body ?? ''
    this.subtitle = options.subtitle ?? ''
    this.silent = options.silent ?? false
    this.actions = options.actions ?? []
    this.urgency = options.urgency ?? 'normal'
    this.timeoutType = options.timeoutType ?? 'default'
  }

  override show(): void {
    control.notifications.push(this)
    setImmediate(() => this.emit('show', createEvent()))
  }

  override close(): void {
    this.emit('close', createEvent())
  }
}
