/**
 * `nativeTheme` (Electron's page of that name). The rule: pages see what `shouldUseDarkColors` says, through Chromium's
 * emulation of `prefers-color-scheme`.
 *
 * Modelled: `themeSource`, `shouldUseDarkColors`, the event `updated`; a test sets the system's theme with
 * `electronStandIn.setSystemTheme`. Not modelled, and throwing: contrast, transparency, forced colours.
 */
import type Electron from 'electron'
import { control } from './control.ts'
import { modelledEmitter } from './modelled.ts'

type Source = Electron.NativeTheme['themeSource']

class NativeTheme extends modelledEmitter<Electron.NativeTheme>('nativeTheme') {
  #source: Source = 'system'
  #system: 'light' | 'dark' = 'light'

  constructor() {
    super()
    this.setMaxListeners(0)
    control.setSystemTheme = (theme) => {
      this.#system = theme
      if (this.#source === 'system') this.emit('updated')
    }
  }

  override get themeSource(): Source {
    return this.#source
  }

  override set themeSource(source: Source) {
    this.#source = source
    this.emit('updated')
  }

  override get shouldUseDarkColors(): boolean {
    return (this.#source === 'system' ? this.#system : this.#source) === 'dark'
  }
}

export const nativeTheme = new NativeTheme()
