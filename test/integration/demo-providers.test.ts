/**
 * The demo of the five services, run as a person runs it; its transcript is the one in docs/providers.md, which
 * `npx vitest run -u` writes anew.
 */
import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { expect, it } from 'vitest'
import { collect } from '../setup/daemon.ts'

const root = resolve(import.meta.dirname, '../..')
const page = join(root, 'docs/providers.md')

const head = `# Five services in one sitting

What \`npm run demo -- --providers\` printed: five services, each by the definition that comes with Valetkey, linked one after
the other. The broker, its command line and the browser are real. The services are not: they are emulated from their
documents and, where it could be read, their servers' source (\`test/fakes/services\`), because accounts at the real ones
cannot be part of a test. What the definitions claim and how that is known stands in their \`quirk_notes\`
(\`main/providers\`). PPMessage has no way to renew a token; blsct has no browser; Deskpro, TextMaster and Biggerplate
replace the token by a refresh. Ports, ids and the clients' own ids are left out.
`

/** Without what is different each time. */
function settled(transcript: string): string {
  return transcript
    .replaceAll(/127\.0\.0\.1:\d+/gu, '127.0.0.1:PORT')
    .replaceAll(/--client-id \S+/gu, '--client-id CLIENT')
    .replaceAll(/ {2}[\w-]{16} {2}/gu, '  ID  ')
    .replaceAll(/\(\d+\.\d s\)/gu, '(some seconds)')
}

it('links and calls all five, and the page shows what it printed', { timeout: 90_000 }, async () => {
  const child = spawn(process.execPath, [join(root, 'test/demo/demo.ts'), '--providers'], {
    env: process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { code, stdout, stderr } = await collect(child)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const transcript = settled(stdout).trim().split('\n')
  const text = `${head}\n${transcript.map((line) => (line === '' ? '' : `    ${line}`)).join('\n')}\n`
  const options = { ...(await resolveConfig(page)), parser: 'markdown' } as const
  await expect(await format(text, options)).toMatchFileSnapshot(page)
})
