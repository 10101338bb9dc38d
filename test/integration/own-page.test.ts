/**
 * Services that send the browser to an https page of the person's own and nowhere else: linked from the command line, by the
 * definitions that come with Valetkey, at an emulated service.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtInProviders } from '../../main/providers/loader.ts'
import { serveDefinition, type Served } from '../fakes/services/from-definition.ts'
import { collect, firstLine, startCli, startDaemon, type CommandResult, type RunningDaemon } from '../setup/daemon.ts'

const PAGE = 'https://example.com/callback'

let daemon: RunningDaemon
const services: Served[] = []
beforeAll(async () => {
  daemon = await startDaemon()
  for (const id of ['intercom', 'slack-bot']) {
    const shipped = await builtInProviders().find(id)
    if (!shipped) throw new Error(`there is no ${id}`)
    const served = await serveDefinition(shipped)
    services.push(served)
    const file = join(daemon.paths.home, `${id}.yaml`)
    writeFileSync(file, served.text)
    const added = await daemon.cli(['providers', 'add', file, '--yes'])
    if (added.code !== 0) throw new Error(added.stderr)
  }
})
afterAll(async () => {
  await daemon.stop()
  await Promise.all(services.map((served) => served.stop()))
})

function service(id: string): Served {
  const found = services.find(({ definition }) => definition.id === `${id}-here`)
  if (!found) throw new Error(`${id} is not served`)
  return found
}

const linkArgs = ({ definition, host, client }: Served, page: string): readonly string[] => [
  ...['link', definition.id, '--param', `host=${host}`, '--param', `redirect_url=${page}`],
  ...['--client-id', client.client_id, '--client-secret-stdin', '--no-browser', '--label', definition.id],
]

/** Links; `paste` makes what is pasted of what the browser ended on. */
async function link(served: Served, paste = (address: string) => address): Promise<CommandResult & { url: string }> {
  const child = startCli(daemon.paths.home, linkArgs(served, PAGE))
  const ended = collect(child)
  child.stdin?.write(`${served.client.client_secret}\n`)
  const url = await firstLine(child)
  child.stdin?.end(`${paste(await served.browse(url))}\n`)
  return { ...(await ended), url }
}

describe.each(['intercom', 'slack-bot'])('%s', (id) => {
  it('is linked by pasting the address of the person’s own page', async () => {
    const served = service(id)
    const linked = await link(served)
    expect(linked).toMatchObject({ code: 0 })
    expect(linked.stderr).toContain(`then paste the whole address you are sent to; it begins with ${PAGE}`)
    expect(new URL(linked.url).searchParams.get('redirect_uri')).toBe(PAGE)
    expect(served.emulator.complaints).toEqual([])
    expect((await daemon.cli(['token', `${id}-here`])).stdout).toMatch(/^at_\S+\n$/u)
  })

  it('is told declined, and takes no address of another page', async () => {
    const served = service(id)
    served.choice = 'deny'
    expect((await link(served)).code).toBe(6)
    served.choice = 'allow'
    for (const wrong of [
      'https://example.com.evil.example/callback',
      'https://example.com/other',
      'http://example.com/callback',
    ]) {
      const refused = await link(served, (address) => address.replace(PAGE, wrong))
      expect(refused.code).toBe(2)
      expect(refused.stderr).toContain('it is not the redirect URL of this sign-in')
    }
  })

  it.each([
    ['http://example.com/callback', /redirect_url must be an https address/u],
    ['https://example.com', /write it as https:\/\/example\.com\//u],
    ['https://EXAMPLE.com/callback', /write it as https:\/\/example\.com\/callback/u],
    ['https://example.com/a/../callback', /write it as https:\/\/example\.com\/callback/u],
    ['https://user@example.com/callback', /redirect_url must be an http\(s\) URL/u],
    ['https://example.com/callback?x=1', /redirect_url must be an http\(s\) URL/u],
    ['app.valetkey:/callback', /redirect_url must be an http\(s\) URL/u],
  ])('takes no page %s', async (page, why) => {
    const refused = await daemon.cli(linkArgs(service(id), page), { input: 'secret\n' })
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toMatch(why)
  })

  it('is unlinked, and says what became of the tokens there', async () => {
    const served = service(id)
    const { stdout, code } = await daemon.cli(['unlink', `${id}-here`, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ remote: served.definition.revocation ? 'revoked' : 'unsupported' })
  })
})
