/**
 * What five hundred definitions of the person's own cost. The rule: two homes that differ in nothing else take turns; the
 * definitions were added as a person adds them, so that every one of them has to be read, checked and found to be theirs.
 */
import { join } from 'node:path'
import { openLibrary } from '../main/providers/library.ts'
import { cleanEnvironment } from '../test/setup/daemon.ts'
import { compare, figureAtMost, interleave, median, type Row } from './harness.ts'
import { fillers, fillHome, openVaultIn, pathsOf } from './home.ts'
import type { Stage } from './stage.ts'
import { timeStart } from './start.ts'

const MANY = 500
/** Milliseconds that they may add to the start. */
const MORE = 150

const definition = (id: string): string => `schema_version: 1
id: ${id}
display_name: ${id}
variables: { tenant: { title: Tenant, format: hostname, under: acme.example, example: you.acme.example } }
discovery: { type: none }
server: { authorization_endpoint: 'https://login.acme.example/go', token_endpoint: 'https://\${tenant}/token' }
client: { token_endpoint_auth_method: client_secret_basic }
redirect: { methods: [loopback] }
scope: { default: [read], descriptions: { read: Read everything, write: Change everything } }
grants: { authorization_code: { content_type: json }, refresh_token: { content_type: json } }
token_response: { access_token: [/session/key], expires_in: [/session/minutes], expires_in_unit: min }
token_error: { code: [/fault], code_map: { EXPIRED: invalid_grant, WHO: invalid_client } }
resource:
  base_urls: ['https://\${tenant}/api/']
  authorization: { in: header, name: Authorization, template: 'Acme \${access_token}' }
identity: { url: 'https://\${tenant}/api/me', subject: /id, label: /email }
`

export async function measureDefinitions(stage: Stage): Promise<readonly Row[]> {
  const homes = { none: join(stage.folder, 'no-definitions'), many: join(stage.folder, 'definitions') }
  for (const home of Object.values(homes)) await fillHome(home, [], fillers(100))
  await addDefinitions(homes.many)
  const start = await interleave(stage.rounds(15), 1, {
    many: () => timeStart(homes.many, cleanEnvironment(homes.many)),
    none: () => timeStart(homes.none, cleanEnvironment(homes.none)),
  })
  const list = await interleave(stage.rounds(15), 1, {
    many: () => timeList(homes.many, MANY),
    none: () => timeList(homes.none, 0),
  })
  const count = `${String(MANY)} definitions of one's own`
  return [
    compare({
      group: 'definitions',
      name: `daemon, ${count}: start until hello is answered`,
      unit: 'ms',
      ours: start.many,
      baseline: { name: 'none of them', samples: start.none },
      target: figureAtMost(median(start.none) + MORE),
      note: `the target is what it takes without them and ${String(MORE)} ms; they are read when the list is first wanted`,
    }),
    compare({
      group: 'definitions',
      name: `${count}: the first list of all`,
      unit: 'ms',
      ours: list.many,
      baseline: { name: 'none of them', samples: list.none },
      target: null,
      note: 'once in the life of a daemon, and other calls are answered meanwhile',
    }),
  ]
}

async function addDefinitions(home: string): Promise<void> {
  const vault = await openVaultIn(home)
  try {
    const library = openLibrary(
      pathsOf(home).providers,
      () => undefined,
      (text) => vault.attest(text),
    )
    for (let n = 0; n < MANY; n++) await library.add(definition(`acme-${String(n)}`))
  } finally {
    vault.close()
  }
}

/** Throws when a definition of the person's is missing or not theirs: nothing would have been measured. */
async function timeList(home: string, expected: number): Promise<number> {
  const vault = await openVaultIn(home)
  try {
    const started = performance.now()
    const library = openLibrary(
      pathsOf(home).providers,
      () => undefined,
      (text) => vault.attest(text),
    )
    const list = await library.list()
    const theirs = list.filter((one) => one.id.startsWith('acme-') && library.isUnconfirmed?.(one) === false)
    const took = performance.now() - started
    if (theirs.length !== expected) throw new Error(`there are ${String(theirs.length)} definitions`)
    return took
  } finally {
    vault.close()
  }
}
