/**
 * Checks a value against a JSON Schema (draft 2020-12), the part of it that our schema uses. The rule: the published
 * schema is what is enforced, a refusal names the path, and a keyword this file does not know is a fault, never ignored.
 */

export interface Schema {
  readonly [keyword: string]: unknown
}

const silent = new Set(['$schema', '$id', '$defs', 'title', 'description'])

/** `undefined` when `value` fits, else a sentence that starts with the path. `root` is where `$ref` starts from. */
export function misfit(value: unknown, schema: Schema, root: Schema = schema, path = ''): string | undefined {
  const at = path === '' ? 'The definition' : path
  for (const [keyword, rule] of Object.entries(schema)) {
    if (silent.has(keyword)) continue
    const check = keywords[keyword]
    if (!check) throw new Error(`the schema uses ${keyword}, which is not implemented`)
    const wrong = check(value, rule, { schema, root, path, at })
    if (wrong !== undefined) return wrong
  }
  return undefined
}

interface Context {
  readonly schema: Schema
  readonly root: Schema
  readonly path: string
  readonly at: string
}
type Keyword = (value: unknown, rule: unknown, context: Context) => string | undefined
type Members = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const join = (path: string, key: string): string => (path === '' ? shown(key) : `${path}.${shown(key)}`)
const shown = (key: string): string => JSON.stringify(key.slice(0, 64)).slice(1, -1)
const count = (value: unknown): number =>
  Array.isArray(value) ? value.length : isObject(value) ? Object.keys(value).length : 0

/** The first complaint about any member. */
function each(
  members: readonly (readonly [string, unknown])[],
  check: (key: string, value: unknown) => string | undefined,
): string | undefined {
  for (const [key, value] of members) {
    const wrong = check(key, value)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

const limit =
  (
    applies: (value: unknown) => boolean,
    size: (value: unknown) => number,
    fits: (size: number, rule: number) => boolean,
    wants: string,
  ): Keyword =>
  (value, rule, { at }) =>
    applies(value) && !fits(size(value), Number(rule))
      ? `${at} must have ${wants} ${String(rule)} characters or members.`
      : undefined

function isOfKind(value: unknown, kind: string): boolean {
  switch (kind) {
    case 'object':
      return isObject(value)
    case 'array':
      return Array.isArray(value)
    case 'null':
      return value === null
    case 'integer':
      return Number.isSafeInteger(value)
    default:
      return typeof value === kind
  }
}

const keywords: Readonly<Record<string, Keyword>> = {
  $ref(value, rule, { root, path }) {
    const target = String(rule)
      .replace(/^#\//u, '')
      .split('/')
      .reduce<unknown>((node, name) => (isObject(node) ? node[name] : undefined), root)
    if (!isObject(target)) throw new Error(`the schema refers to ${String(rule)}, which is not there`)
    return misfit(value, target, root, path)
  },
  type(value, rule, { at }) {
    const kinds = [rule].flat().map(String)
    if (kinds.some((kind) => isOfKind(value, kind))) return undefined
    return `${at} must be ${/^[aio]/u.test(kinds[0] ?? '') ? 'an' : 'a'} ${kinds.join(' or ')}.`
  },
  const: (value, rule, { at }) => (value === rule ? undefined : `${at} must be ${JSON.stringify(rule)}.`),
  enum: (value, rule, { at }) =>
    (rule as readonly unknown[]).includes(value)
      ? undefined
      : `${at} must be one of ${(rule as readonly unknown[]).join(', ')}.`,
  pattern: (value, rule, { at }) =>
    typeof value !== 'string' || new RegExp(String(rule), 'u').test(value)
      ? undefined
      : `${at} is not of the form this takes.`,
  required: (value, rule, { path }) =>
    isObject(value)
      ? each(
          (rule as readonly string[]).map((name) => [name, undefined]),
          (name) => (Object.hasOwn(value, name) ? undefined : `${join(path, name)} is missing.`),
        )
      : undefined,
  properties: (value, rule, { root, path }) =>
    isObject(value)
      ? each(Object.entries(rule as Members), (name, schema) =>
          Object.hasOwn(value, name) ? misfit(value[name], schema as Schema, root, join(path, name)) : undefined,
        )
      : undefined,
  additionalProperties(value, rule, { schema, root, path }) {
    if (!isObject(value)) return undefined
    const named = isObject(schema['properties']) ? schema['properties'] : {}
    const others = Object.entries(value).filter(([name]) => !Object.hasOwn(named, name))
    return each(others, (name, member) =>
      rule === false
        ? `${join(path, name)} is not a known key.`
        : misfit(member, rule as Schema, root, join(path, name)),
    )
  },
  propertyNames: (value, rule, { root, path }) =>
    isObject(value)
      ? each(Object.entries(value), (name) =>
          misfit(name, rule as Schema, root, 'key') === undefined
            ? undefined
            : `${join(path, name)} is not a name this takes.`,
        )
      : undefined,
  items: (value, rule, { root, path }) =>
    Array.isArray(value)
      ? each(
          value.map((item, index) => [String(index), item]),
          (index, item) => misfit(item, rule as Schema, root, `${path}[${index}]`),
        )
      : undefined,
  minItems: limit(Array.isArray, count, (size, rule) => size >= rule, 'at least'),
  maxItems: limit(Array.isArray, count, (size, rule) => size <= rule, 'at most'),
  maxProperties: limit(isObject, count, (size, rule) => size <= rule, 'at most'),
  minimum: (value, rule, { at }) =>
    typeof value === 'number' && value < Number(rule) ? `${at} must be at least ${String(rule)}.` : undefined,
  maximum: (value, rule, { at }) =>
    typeof value === 'number' && value > Number(rule) ? `${at} must be at most ${String(rule)}.` : undefined,
  maxLength: limit(
    (value) => typeof value === 'string',
    (value) => String(value).length,
    (size, rule) => size <= rule,
    'at most',
  ),
}
