/**
 * `Tray` (Electron's page of that name). The rule: a tray that was destroyed is gone from `electronStandIn.trays`, where a
 * test finds the others with their menus.
 *
 * Modelled: image, tool tip, title, context menu, the events a test emits (`click`, `double-click`). Not modelled: balloons,
 * drawing; desktops without a tray (Electron's constructor succeeds there too).
 */
import type Electron from 'electron'
import { control, type TrayRecord } from './control.ts'
import { modelledEmitter } from './modelled.ts'
import { toImage } from './native-image.ts'

export class Tray extends modelledEmitter<Electron.Tray>('Tray') {
  readonly #record: TrayRecord
  #title = ''

  constructor(image: Electron.NativeImage | string) {
    super()
    this.#record = { tray: this, menu: null, toolTip: '', image: toImage(image) }
    control.trays.push(this.#record)
  }

  override setContextMenu(menu: Electron.Menu | null): void {
    this.#record.menu = menu
  }

  override setToolTip(toolTip: string): void {
    this.#record.toolTip = toolTip
  }

  override setImage(image: Electron.NativeImage | string): void {
    this.#record.image = toImage(image)
  }

  override setTitle(title: string): void {
    this.#title = title
  }

  override getTitle(): string {
    return this.#title
  }

  override popUpContextMenu(menu?: Electron.Menu): void {
    const shown = menu ?? this.#record.menu
    if (shown) control.popups.push(shown)
  }

  override destroy(): void {
    if (!this.isDestroyed()) control.trays.splice(control.trays.indexOf(this.#record), 1)
  }

  override isDestroyed(): boolean {
    return !control.trays.includes(this.#record)
  }
}
