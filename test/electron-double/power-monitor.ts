/**
 * `powerMonitor` (Electron's page of that name). The rule: it tells nothing by itself; a test emits `suspend`, `resume`,
 * `lock-screen`, `unlock-screen`, `shutdown` on it, which works on the real runtime just as well.
 *
 * Modelled: those events; idle time and state, from `electronStandIn`. Not modelled: batteries, heat.
 */
import type Electron from 'electron'
import { control } from './control.ts'
import { modelledEmitter } from './modelled.ts'

class PowerMonitor extends modelledEmitter<Electron.PowerMonitor>('powerMonitor') {
  override getSystemIdleTime(): number {
    return control.idleSeconds
  }

  override getSystemIdleState(idleThreshold: number): ReturnType<Electron.PowerMonitor['getSystemIdleState']> {
    if (control.isScreenLocked) return 'locked'
    return control.idleSeconds >= idleThreshold ? 'idle' : 'active'
  }
}

export const powerMonitor = new PowerMonitor()
