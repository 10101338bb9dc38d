/** The QR code of a sign-in on another device: on a real terminal, read off its screen again. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from 'uqr'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtInProviders } from '../../main/providers/loader.ts'
import { serveDefinition, type Served } from '../fakes/services/from-definition.ts'
import { cleanEnvironment, collect, startDaemon, until, type RunningDaemon } from '../setup/daemon.ts'

const cli = join(import.meta.dirname, '..', '..', 'dist', 'cli.cjs')
const COMPLETE = 'https://provider.example/device?user_code=ABCD-EFGH'

let daemon: RunningDaemon
let served: Served
beforeAll(async () => {
  daemon = await startDaemon()
  const shipped = await builtInProviders().find('github')
  if (!shipped) throw new Error('there is no github')
  served = await serveDefinition(shipped)
  served.answer('/login/device/code', 200, {
    ...{ device_code: 'dc', user_code: 'ABCD-EFGH', verification_uri: 'https://provider.example/device' },
    ...{ verification_uri_complete: COMPLETE, expires_in: 600, interval: 1 },
  })
  served.emulator.enterUserCode()
  const file = join(daemon.paths.home, 'github.yaml')
  writeFileSync(file, served.text)
  const added = await daemon.cli(['providers', 'add', file, '--yes'])
  if (added.code !== 0) throw new Error(added.stderr)
})
afterAll(async () => {
  await Promise.all([daemon.stop(), served.stop()])
})

const args = (...more: readonly string[]): readonly string[] => [
  ...['link', 'github-here', '--param', `host=${served.host}`, '--client-id', served.client.client_id],
  ...['--flow', 'device', '--no-browser', ...more],
]

/** What a terminal of so many columns shows until the command ends. */
async function onTerminal(
  columns: number,
  more: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<string> {
  const words = [process.execPath, cli, ...args(...more)].map((word) => `'${word}'`).join(' ')
  const command = `stty cols ${String(columns)} rows 60; ${words}`
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: cleanEnvironment(daemon.paths.home, { TERM: 'xterm', ...env }),
  })
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (shown += part))
  const ended = collect(child)
  await until(() => (shown.includes('waiting for you') ? true : undefined))
  const { code } = await ended
  if (code !== 0) throw new Error(shown)
  return shown
}

const drawing = /^[\u2580\u2584\u2588 ]{21,}$/u
const ESC = '\u001b'
const colours = new RegExp(`${ESC}\\[[\\d;]*m`, 'gu')

/** The modules on the screen, two rows to a line: `true` is dark. */
function modules(shown: string): readonly (readonly boolean[])[] {
  const lines = shown.split(/\r?\n/u).map((line) => line.replace(colours, ''))
  return lines
    .filter((line) => drawing.test(line))
    .flatMap((line) => {
      const characters = Array.from(line)
      return [
        characters.map((one) => one === ' ' || one === '\u2584'),
        characters.map((one) => one === ' ' || one === '\u2580'),
      ]
    })
}

describe('a QR code', () => {
  it('of the complete address is on a terminal that is wide enough, in colours of its own', async () => {
    const shown = await onTerminal(100)
    const { data, size } = encode(COMPLETE, { border: 2 })
    expect(modules(shown).slice(0, size)).toEqual(data)
    expect(shown).toContain(`${ESC}[97;40m`)
    expect(shown).toContain('ABCD-EFGH')
    expect(shown).toContain(COMPLETE)
  })

  it('has no colours where none are wanted', async () => {
    const shown = await onTerminal(100, [], { NO_COLOR: '1' })
    expect(modules(shown).length).toBeGreaterThan(21)
    expect(shown).not.toContain(ESC)
  })

  it.each<readonly [string, () => Promise<string>]>([
    ['a narrow terminal', () => onTerminal(20)],
    ['--no-qr', () => onTerminal(100, ['--no-qr'])],
    ['a terminal that draws nothing', () => onTerminal(100, [], { TERM: 'dumb' })],
    ['JSON', () => onTerminal(100, ['--json'])],
    ['a pipe', async () => Object.values(await daemon.cli(args())).join('\n')],
  ])('is not for %s, where the address is as ever', async (_, look) => {
    const shown = await look()
    expect(modules(shown)).toEqual([])
    expect(shown.replaceAll(/\r?\n/gu, '')).toContain(COMPLETE)
  })
})
