/**
 * Keys that lead somewhere. The rule: only in the app's own window, because in a browser these keys are the browser's;
 * none decides anything, and Escape leads back from a detail, never out of something half typed.
 */
import { useEffect } from 'react'
import { navigate, parentOf, type Route, type Screen } from './navigation.ts'

type Key = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>

/** Where a key leads, `filter` for the field that narrows the list, `undefined` for a key that is none of ours. */
export function shortcutOf(key: Key): Screen | 'filter' | undefined {
  if (key.altKey || key.shiftKey || key.ctrlKey === key.metaKey) return undefined
  switch (key.key.toLowerCase()) {
    case '1':
      return 'accounts'
    case '2':
      return 'apps'
    case '3':
      return 'activity'
    case '4':
    case ',':
      return 'settings'
    case 'n':
      return 'link'
    case 'f':
      return 'filter'
    default:
      return undefined
  }
}

/** Listens while `active`, on `route`. */
export function useShortcuts(active: boolean, route: Route): void {
  useEffect(() => {
    const listener = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || document.querySelector('dialog[open]')) return
      if (event.key === 'Escape') {
        const parent = parentOf(route)
        const typing = event.target instanceof Element && event.target.matches('input, select, textarea')
        if (parent !== undefined && !typing) navigate(parent)
        return
      }
      const target = active ? shortcutOf(event) : undefined
      if (target === undefined) return
      event.preventDefault()
      if (target === 'filter') document.querySelector<HTMLElement>('main input[type="search"], main select')?.focus()
      else navigate(target)
    }
    window.addEventListener('keydown', listener)
    return () => {
      window.removeEventListener('keydown', listener)
    }
  }, [active, route])
}
