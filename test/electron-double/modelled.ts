/**
 * What keeps the stand-in honest. The rule: a member of Electron's API that is not modelled throws when it is touched, on
 * singletons, on classes and on their instances alike, so that no test passes because the stand-in answered `undefined`
 * where Electron would have done something; and every member that is modelled has the name and the type that Electron's
 * own type file gives it, because a class here extends Electron's type and may only `override` what that has.
 *
 * The guard is the end of the prototype chain, not a wrapper round the object: what is modelled is found before it, `this`
 * and the identity of objects stay what they are, and private fields work.
 */
import { EventEmitter } from 'node:events'

/** What languages, tests and inspectors ask of any object, and may be told that it is not there. */
const probes: ReadonlySet<string> = new Set([
  ...['then', 'toJSON', 'constructor', 'inspect', '__esModule', 'nodeType', 'tagName', 'asymmetricMatch', '$$typeof'],
  ...['domain', 'arguments', 'caller'],
])

/** The error that touching `owner.member` throws. */
export function notModelled(owner: string, member: string): Error {
  return new Error(`electron stand-in: ${owner}.${member} is not modelled`)
}

function guard<T extends object>(owner: string, end: T): T {
  const isOpen = (key: string | symbol): boolean => typeof key === 'symbol' || key in end || probes.has(key)
  return new Proxy(end, {
    get(target, key, receiver) {
      if (!isOpen(key)) throw notModelled(owner, String(key))
      return Reflect.get(target, key, receiver) as unknown
    },
    set(target, key, value, receiver) {
      if (!isOpen(key)) throw notModelled(owner, String(key))
      return Reflect.set(target, key, value, receiver)
    },
  })
}

/**
 * The base of a class that models the emitter `T` of Electron's, with `Statics` for what is called on the class itself.
 * The type says that everything is there; what the class does not override throws. `owner` is Electron's name for it.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the types to be held against
export function modelledEmitter<T, Statics = unknown>(owner: string): (new () => T) & Statics {
  class Base extends EventEmitter {}
  Object.setPrototypeOf(Base, guard(owner, EventEmitter))
  Object.setPrototypeOf(Base.prototype, guard<object>(owner, Object.create(EventEmitter.prototype) as object))
  return Base as unknown as (new () => T) & Statics
}

/** Guards an object that emits nothing, and gives it back as the whole `T` of which it models a part. */
export function modelled<T extends object>(owner: string, part: Partial<T>): T {
  return Object.setPrototypeOf(part, guard<object>(owner, {})) as T
}

/** An event as Electron's listeners get it: `preventDefault()` can be called, and `details` are its other members. */
export function createEvent<Details extends object>(details: Details): Electron.Event<Details>
export function createEvent(): Electron.Event
export function createEvent(details: object = {}): Electron.Event {
  let defaultPrevented = false
  const event = {
    preventDefault: (): void => {
      defaultPrevented = true
    },
    get defaultPrevented() {
      return defaultPrevented
    },
  }
  // Descriptors, not values: what is asked of an event late (`senderFrame`) is answered late.
  return Object.defineProperties(event, Object.getOwnPropertyDescriptors(details))
}
