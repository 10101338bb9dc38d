/**
 * Bytes from outside as a JSON value. The rule: what two readers could read differently is refused before anybody uses
 * it. Invalid UTF-8 (a lenient decoder puts U+FFFD in), a member given twice (JSON.parse lets the last one win), and
 * nesting deep enough to exhaust a stack (JSON.parse accepts it) are all errors; RFC 8259 section 4, RFC 7493.
 */
import { isUtf8 } from 'node:buffer'
import { BrokerError } from '../contract/errors.ts'

/** How many objects and lists may be inside each other. The contract needs three. */
const depthLimit = 16

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a

/**
 * The value in `bytes`; `undefined` when there are none. Throws `invalid_request`. A `__proto__` member becomes an
 * ordinary own member, which the contract's parsers then refuse by name.
 */
export function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  if (!isUtf8(bytes)) throw new BrokerError('invalid_request', 'The body must be UTF-8.')
  const source = bytes.toString('utf8')
  const members = countMembers(source)
  const value = parse(source)
  // In valid JSON every member has one colon outside a string, so fewer members than colons means one was overwritten.
  if (countKeys(value) !== members) throw new BrokerError('invalid_request', 'The body gives the same member twice.')
  return value
}

function parse(source: string): unknown {
  try {
    return JSON.parse(source)
  } catch {
    // No cause: the engine's message quotes the body, which may hold a secret.
    throw new BrokerError('invalid_request', 'The body must be valid JSON.')
  }
}

/** The colons outside strings, in one pass. Throws when objects and lists nest deeper than `depthLimit`. */
function countMembers(source: string): number {
  let members = 0
  let depth = 0
  for (let i = 0; i < source.length; i++) {
    const unit = source.charCodeAt(i)
    if (unit === quote) {
      for (i++; i < source.length; i++) {
        const inner = source.charCodeAt(i)
        if (inner === backslash) i++
        else if (inner === quote) break
      }
    } else if (unit === colon) members++
    // `[`, `{` and `]`, `}` are 0x5b, 0x7b and 0x5d, 0x7d.
    else if ((unit | 0x20) === 0x7b) {
      if (++depth > depthLimit)
        throw new BrokerError('invalid_request', `The body must not nest deeper than ${String(depthLimit)} levels.`)
    } else if ((unit | 0x20) === 0x7d) depth--
  }
  return members
}

/** Own members of every object in a parsed value, which has no others. The depth is bounded by `countMembers`. */
function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let keys = 0
  if (Array.isArray(value)) for (const entry of value) keys += countKeys(entry)
  else
    for (const key in value) {
      const entry: unknown = (value as Record<string, unknown>)[key]
      keys += typeof entry === 'object' ? 1 + countKeys(entry) : 1
    }
  return keys
}
