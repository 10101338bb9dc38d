/**
 * The application menu. The rule: only what the platform's own keys need (copying and pasting on macOS go through it);
 * no reload, no developer tools, no zoom that would outlive the page.
 */
import type { MenuItemConstructorOptions } from 'electron'

/** `null`: no menu bar. */
export function applicationMenu(platform: string): readonly MenuItemConstructorOptions[] | null {
  if (platform !== 'darwin') return null
  return [{ role: 'appMenu' }, { role: 'editMenu' }, { role: 'windowMenu' }]
}
