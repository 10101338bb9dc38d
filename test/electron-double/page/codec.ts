/**
 * Values between the main process and a page, and between the two worlds of a page, as JSON. Electron uses the structured
 * clone algorithm (its page "ipcRenderer") and, between worlds, a copy described in "contextBridge". The rule: what those
 * refuse is refused here in the same words; what is left out (cycles, blobs, message ports) is refused too, never bent.
 *
 * This function also runs in the page, as text: it may use nothing but its arguments and what every realm has.
 */

/** A JSON value: a primitive as it is, everything else as `[tag, payload]`. */
export type Encoded = string | number | boolean | null | readonly [tag: string, payload?: unknown]

export interface Codec {
  readonly encode: (value: unknown) => Encoded
  readonly decode: (encoded: unknown) => unknown
}

/** Adds kinds of values, such as functions: `encode` answers `undefined` for what it does not know. */
export interface MoreKinds {
  readonly encode: (value: object) => Encoded | undefined
  readonly decode: (tag: string, payload: unknown) => unknown
}

export function makeCodec(more?: MoreKinds): Codec {
  const refusal = (): Error => new Error('An object could not be cloned.')

  const encode = (value: unknown, within: readonly unknown[] = []): Encoded => {
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
    if (typeof value === 'number')
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : ['number', Object.is(value, -0) ? '-0' : String(value)]
    if (value === undefined) return ['undefined']
    if (typeof value === 'bigint') return ['bigint', String(value)]
    if (typeof value === 'symbol') throw refusal()
    const known = more?.encode(value)
    if (known !== undefined) return known
    if (typeof value === 'function' || value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet)
      throw refusal()
    if (within.includes(value)) throw refusal()
    const inner = (part: unknown): Encoded => encode(part, [...within, value])
    if (Array.isArray(value)) return ['array', Array.from(value, inner)]
    if (value instanceof Date) return ['date', value.getTime()]
    if (value instanceof RegExp) return ['regexp', [value.source, value.flags]]
    if (value instanceof Error) return ['error', [value.name, value.message, value.stack ?? '']]
    if (value instanceof Map) return ['map', Array.from(value, ([key, part]) => [inner(key), inner(part)])]
    if (value instanceof Set) return ['set', Array.from(value, inner)]
    if (value instanceof ArrayBuffer) return ['buffer', Array.from(new Uint8Array(value))]
    if (ArrayBuffer.isView(value))
      return ['bytes', Array.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))]
    return ['object', Object.entries(value).map(([key, part]) => [key, inner(part)])]
  }

  const decodeTagged = (tag: string, payload: unknown): unknown => {
    const list = payload as readonly unknown[]
    switch (tag) {
      case 'undefined':
        return undefined
      case 'number':
        return Number(payload)
      case 'bigint':
        return BigInt(payload as string)
      case 'array':
        return list.map(decode)
      case 'date':
        return new Date(payload as number)
      case 'regexp':
        return new RegExp(list[0] as string, list[1] as string)
      case 'error': {
        const [name, message, stack] = payload as [string, string, string]
        return Object.defineProperties(new Error(message), {
          name: { value: name, configurable: true, writable: true },
          stack: { value: stack, configurable: true, writable: true },
        })
      }
      case 'map':
        return new Map((payload as readonly [unknown, unknown][]).map(([key, part]) => [decode(key), decode(part)]))
      case 'set':
        return new Set(list.map(decode))
      case 'buffer':
        return Uint8Array.from(payload as number[]).buffer
      case 'bytes':
        return Uint8Array.from(payload as number[])
      case 'object': {
        const object = {}
        for (const [key, part] of payload as readonly [string, unknown][])
          Object.defineProperty(object, key, {
            value: decode(part),
            enumerable: true,
            writable: true,
            configurable: true,
          })
        return object
      }
      default:
        return more?.decode(tag, payload)
    }
  }

  const decode = (encoded: unknown): unknown =>
    Array.isArray(encoded) ? decodeTagged(encoded[0] as string, encoded[1]) : encoded

  return { encode: (value) => encode(value), decode }
}
