/**
 * The TypeScript type of what a JSON Schema accepts, as the text of a module. The rule: the schema is the only place where
 * the shape of a definition is written; a keyword that decides the shape and is not known here is a fault. Keywords that
 * only narrow a value (patterns, limits) have no type and are the loader's.
 */
interface Schema {
  readonly [keyword: string]: unknown
}

/** `name` is the type of the schema itself; each of its `$defs` that holds an object becomes an interface of its own. */
export function typesOf(schema: Schema, name: string, head: string): string {
  const defs = Object.entries((schema['$defs'] ?? {}) as Readonly<Record<string, Schema>>)
  const named = new Set(defs.filter(([, def]) => def['properties'] !== undefined).map(([key]) => key))
  const type = (node: Schema): string => {
    const ref = node['$ref']
    if (typeof ref === 'string') {
      const key = ref.replace('#/$defs/', '')
      const target = defs.find(([other]) => other === key)?.[1]
      if (!target) throw new Error(`${ref} leads nowhere`)
      return named.has(key) ? capital(key) : type(target)
    }
    if ('const' in node) return JSON.stringify(node['const'])
    if (Array.isArray(node['enum'])) return node['enum'].map((value) => JSON.stringify(value)).join(' | ')
    const kinds = [node['type']].flat()
    return kinds.map((kind) => ofKind(kind, node)).join(' | ')
  }
  const ofKind = (kind: unknown, node: Schema): string => {
    switch (kind) {
      case 'string':
      case 'boolean':
      case 'null':
        return kind
      case 'number':
      case 'integer':
        return 'number'
      case 'array':
        return `readonly (${type(node['items'] as Schema)})[]`
      case 'object':
        return node['properties'] === undefined
          ? `Readonly<Record<string, ${type(node['additionalProperties'] as Schema)}>>`
          : members(node)
      default:
        throw new Error(`no type for ${JSON.stringify(node)}`)
    }
  }
  const members = (node: Schema): string => {
    const required = new Set((node['required'] ?? []) as readonly string[])
    const lines = Object.entries(node['properties'] as Readonly<Record<string, Schema>>).map(
      ([key, member]) =>
        `${comment(member)}readonly ${/^[a-z_]+$/u.test(key) ? key : JSON.stringify(key)}${required.has(key) ? '' : '?'}: ${type(member)}`,
    )
    return `{\n${lines.join('\n')}\n}`
  }
  const shapes = [[name, schema] as const, ...defs.filter(([key]) => named.has(key))]
  return [
    head,
    ...shapes.map(([key, node]) => `${comment(node)}export interface ${capital(key)} ${members(node)}`),
  ].join('\n\n')
}

const capital = (key: string): string => key.slice(0, 1).toUpperCase() + key.slice(1)
const comment = ({ description }: Schema): string =>
  typeof description === 'string' ? `/** ${description.replaceAll('*/', '*\\/')} */\n` : ''
