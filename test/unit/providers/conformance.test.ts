/** Every definition that comes with Valetkey, played through against the provider it describes. */
import { describe, expect, it } from 'vitest'
import { conform } from '../../../main/oauth/conformance/conform.ts'
import { builtInProviders } from '../../../main/providers/loader.ts'
import { realClock } from '../../fakes/real-servers.ts'

const definitions = await builtInProviders().list()

/** The services that the first people to use this asked for, and the large ones. */
const wanted = [
  ...['ppmessage', 'deskpro', 'textmaster', 'coupang-blsct', 'biggerplate', 'github', 'github-app', 'gitlab', 'google'],
  ...['microsoft-entra', 'slack-bot', 'slack-user', 'atlassian', 'zendesk', 'intercom', 'freshworks', 'salesforce'],
  ...['hubspot', 'notion', 'linear', 'discord', 'spotify', 'dropbox', 'zoom', 'okta', 'auth0', 'keycloak'],
  ...['generic-oidc', 'generic-oauth2'],
]

it('there is one for each of them', () => {
  expect(definitions.map(({ id }) => id)).toEqual(expect.arrayContaining(wanted))
})

it.each(definitions.filter(({ id }) => !id.startsWith('generic-')))(
  '$id says how what it claims is known, and what a renewal does with the refresh token',
  ({ quirk_notes: notes = [], lifecycle, discovery }) => {
    expect(notes.length).toBeGreaterThan(0)
    expect(lifecycle?.rotation ?? discovery.type).toMatch(/^(?:always|maybe|never|oidc|oauth2)$/u)
  },
)

it.each(definitions.filter(({ revocation }) => revocation !== undefined))(
  '$id ends grants in its own way, and says how that is known',
  ({ quirk_notes: notes = [] }) => {
    expect(notes.filter(({ field }) => field === 'revocation').map(({ evidence }) => evidence)).toEqual(['documented'])
  },
)

describe('every definition', () => {
  it.each(definitions.map((definition) => [definition.id, definition] as const))('%s', async (_, definition) => {
    const checks = await conform(definition, realClock)
    expect(checks.length).toBeGreaterThan(2)
    expect(checks.filter(({ ok }) => !ok)).toEqual([])
  })

  it.each(definitions.map((definition) => [definition.id, definition] as const))(
    '%s says where it is documented, and what its scopes mean',
    (_, { service_documentation, scope, server }) => {
      expect(service_documentation).toMatch(/^https:/u)
      const said = Object.keys(scope?.descriptions ?? {})
      const offered = [...(scope?.default ?? []), ...(scope?.required ?? []), ...(server.scopes_supported ?? [])]
      expect(offered.filter((name) => !said.includes(name))).toEqual([])
    },
  )
})
