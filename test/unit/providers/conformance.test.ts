/** Every definition that comes with Valetkey, played through against the provider it describes. */
import { describe, expect, it } from 'vitest'
import { conform } from '../../../main/oauth/conformance/conform.ts'
import { builtInProviders } from '../../../main/providers/loader.ts'
import { realClock } from '../../fakes/real-servers.ts'

const definitions = await builtInProviders().list()

describe('every definition', () => {
  it.each(definitions.map((definition) => [definition.id, definition] as const))('%s', async (_, definition) => {
    const checks = await conform(definition, realClock)
    expect(checks.length).toBeGreaterThan(2)
    expect(checks.filter(({ ok }) => !ok)).toEqual([])
  })

  it.each(definitions.map((definition) => [definition.id, definition] as const))(
    '%s says where it is documented, and what its scopes mean',
    (_, { service_documentation, scope }) => {
      expect(service_documentation).toMatch(/^https:/u)
      const said = Object.keys(scope?.descriptions ?? {})
      expect((scope?.default ?? []).filter((name) => !said.includes(name))).toEqual([])
    },
  )
})
