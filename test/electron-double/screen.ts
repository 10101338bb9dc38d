/**
 * `screen` (Electron's page of that name). The rule: there is one screen, always the same, so that a test of a window's
 * place is repeatable.
 *
 * Modelled: that screen, whoever asks for it, and a pointer in its middle. Not modelled: displays that come and go, scaling.
 */
import type Electron from 'electron'
import { modelledEmitter } from './modelled.ts'

const size = { width: 1280, height: 800 }
const bounds = { x: 0, y: 0, ...size }

const display: Electron.Display = {
  ...{ id: 1, label: 'stand-in', bounds, size, workArea: bounds, workAreaSize: size, nativeOrigin: { x: 0, y: 0 } },
  ...{ scaleFactor: 1, rotation: 0, internal: true, detected: true, monochrome: false, touchSupport: 'unavailable' },
  ...{ accelerometerSupport: 'unavailable', colorDepth: 24, colorSpace: 'srgb', depthPerComponent: 8 },
  ...{ displayFrequency: 60, maximumCursorSize: { width: 64, height: 64 } },
}

class Screen extends modelledEmitter<Electron.Screen>('screen') {
  override getPrimaryDisplay(): Electron.Display {
    return display
  }

  override getAllDisplays(): Electron.Display[] {
    return [display]
  }

  override getDisplayNearestPoint(): Electron.Display {
    return display
  }

  override getDisplayMatching(): Electron.Display {
    return display
  }

  override getCursorScreenPoint(): Electron.Point {
    return { x: size.width / 2, y: size.height / 2 }
  }
}

export const screen = new Screen()
