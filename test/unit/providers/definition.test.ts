/** The type of a definition is made from its schema: `npx vitest run -u` writes it anew after the schema has changed. */
import { format, resolveConfig } from 'prettier'
import { expect, it } from 'vitest'
import schema from '../../../main/providers/provider.schema.json' with { type: 'json' }
import { typesOf } from './types-of.ts'

const target = new URL('../../../main/providers/definition.ts', import.meta.url).pathname
const head = `/**
 * A provider definition as a type. The rule: made from provider.schema.json, never written by hand; its test says how it is
 * made anew.
 */`

it('the type is what the schema says', async () => {
  const text = await format(typesOf(schema, 'ProviderDefinition', head), {
    ...(await resolveConfig(target)),
    parser: 'typescript',
  })
  await expect(text).toMatchFileSnapshot(target)
})

it('a shape that has no type is a fault', () => {
  expect(() => typesOf({ properties: { a: { type: 'tuple' } } }, 'X', '')).toThrow(/no type/u)
  expect(() => typesOf({ properties: { a: { $ref: '#/$defs/nowhere' } } }, 'X', '')).toThrow(/leads nowhere/u)
})
