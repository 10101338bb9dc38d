/**
 * What the page knows: the newest snapshot and whether it still arrives. The rule: the broker's snapshot is the only
 * state; nothing is kept beside it that could disagree with it.
 */
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import type { Snapshot } from '../main/contract/window-api.ts'
import type { Bridge, Connection } from './bridge.ts'

export interface View {
  readonly connection: Connection
  readonly snapshot: Snapshot | undefined
}

export interface Store {
  readonly call: Bridge['call']
  readonly subscribe: (listener: () => void) => () => void
  readonly view: () => View
}

const collator = new Intl.Collator('en', { numeric: true })

/** In the order of their names, so that a list does not move because something was used; equal names by id. */
export function byName<T extends { readonly id: string }>(
  items: readonly T[],
  nameOf: (item: T) => string,
): readonly T[] {
  return items.toSorted(
    (a, b) => collator.compare(nameOf(a).slice(0, 200), nameOf(b).slice(0, 200)) || (a.id < b.id ? -1 : 1),
  )
}

/** Watches the broker from now on; lives as long as the page. */
export function createStore(bridge: Bridge): Store {
  let view: View = { connection: 'connecting', snapshot: undefined }
  const listeners = new Set<() => void>()
  const become = (next: View): void => {
    if (next.connection === view.connection && next.snapshot === view.snapshot) return
    view = next
    for (const listener of listeners) listener()
  }
  bridge.watch(
    (snapshot) => {
      become({ ...view, snapshot })
    },
    (connection) => {
      become({ ...view, connection })
    },
  )
  return {
    call: bridge.call,
    view: () => view,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

export const StoreContext = createContext<Store | undefined>(undefined)

export function useStore(): Store {
  const store = useContext(StoreContext)
  if (!store) throw new Error('a component was rendered outside the store')
  return store
}

export function useView(): View {
  const store = useStore()
  return useSyncExternalStore(store.subscribe, store.view)
}

/** Seconds since the epoch, again every `every` milliseconds, so that "in 5 min" stays true. */
export function useNow(every: number): number {
  const [now, setNow] = useState(() => Date.now() / 1000)
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(Date.now() / 1000)
    }, every)
    return () => {
      clearInterval(timer)
    }
  }, [every])
  return now
}

/** A result of an action, said at the top of the page until it is closed. */
export interface Notice {
  readonly id: number
  readonly tone: 'good' | 'warning'
  readonly message: string
  /** A provider's own words; untrusted. */
  readonly detail?: string
}

export const NotifyContext = createContext<(notice: Omit<Notice, 'id'>) => void>(() => undefined)

export function useNotify(): (notice: Omit<Notice, 'id'>) => void {
  return useContext(NotifyContext)
}
