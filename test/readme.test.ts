/**
 * The README and the pages under docs/, held to their word. The rule: every block is run, in order, by a person's
 * stand-in at a real terminal against the real broker, or it is type-checked; a block that is neither is a failure; and
 * every table that repeats what the code says is compared with the code.
 */
import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clientRoutes, proxyRoute } from '../main/contract/client-api.ts'
import { errorTable } from '../main/contract/errors.ts'
import { homePaths } from '../main/contract/home.ts'
import { compile } from './readme/compiler.ts'
import {
  anchorsOf,
  blocksOf,
  codeSpans,
  columnOf,
  ownLinks,
  plain,
  prose,
  stepsOf,
  tableOf,
} from './readme/markdown.ts'
import { linesOf, sitDown, whenReady, type Reader } from './readme/reader.ts'
import { openTerminal } from './readme/terminal.ts'
import { runCli, until } from './setup/daemon.ts'

const root = resolve(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const readme = read('README.md')
const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })]
const blocks = blocksOf(readme)

/** What a block can be. Anything else is nothing this test knows, and fails. */
const kinds: Readonly<Record<string, 'run' | 'compiled' | 'picture'>> = {
  sh: 'run',
  console: 'run',
  ts: 'compiled',
  js: 'compiled',
  text: 'picture',
}

let reader: Reader

beforeAll(async () => {
  reader = await sitDown(root)
})

afterAll(() => reader.leave())

describe('every block of the README', () => {
  it('is one that is run, type-checked, or a picture', () => {
    expect(blocks.length).toBeGreaterThan(10)
    expect(blocks.filter(({ language }) => kinds[language] === undefined)).toEqual([])
    const isCode = /^(?:\$|npm|npx|node|valetkey|curl|import) /mu
    expect(blocks.filter(({ language, text }) => kinds[language] === 'picture' && isCode.test(text))).toEqual([])
  })

  const followed = blocks.map((block, index) => ({ ...block, block, next: blocks[index + 1] }))

  it.each(followed.filter(({ language }) => kinds[language] !== 'picture'))(
    'holds: $language at line $line',
    async ({ block, next, language, text, line }) => {
      if (kinds[language] === 'run') {
        await reader.perform(block, next && kinds[next.language] === 'run' ? next : undefined)
        return
      }
      const name = `block-${String(line)}`
      const complaints = await compile(root, reader.scratch, name, reader.filled(text))
      const { code, shown } = await reader.terminal.run(`node '${join(reader.scratch, name)}.ts'`)
      expect({ complaints, code, shown }).toMatchObject({ complaints: '', code: 0 })
      reader.expectEvidence(text, shown)
    },
    90_000,
  )

  it('and a program that does not fit is seen', async () => {
    const wrong = "import { connect } from './clients/js/index.ts'\nawait connect().getToken({ acount: 'work' })\n"
    expect(await compile(root, reader.scratch, 'wrong', reader.filled(wrong))).toContain('acount')
  })

  it('and a transcript that is not what happens, or cannot be read, is seen', async () => {
    const says = { language: 'console', text: '$ echo one\ntwo', line: 1 }
    await expect(reader.perform(says, undefined)).rejects.toThrow('one')
    const fails = { language: 'sh', text: 'echo sorry; false', line: 1 }
    await expect(reader.perform(fails, undefined)).rejects.toThrow('sorry')
    const missing = { language: 'sh', text: 'npm run nothing', line: 1 }
    await expect(reader.perform(missing, undefined)).rejects.toThrow('not there')
    expect(linesOf('code: 123-456\nrun: valetkey approve abcdefghijklmnop')).toEqual([
      'code: CODE',
      'run: valetkey approve ID',
    ])
    expect(() => blocksOf('```sh\nls')).toThrow('not closed')
    expect(() => blocksOf('  ```sh\n  ls\n  ```')).toThrow('margin')
    expect(() => stepsOf({ ...says, text: 'no prompt' })).toThrow('does not begin with a command')
  })
})

describe('where data lives', () => {
  const { run: _folder, home, ...named } = homePaths({ HOME: '/home' }, 'linux')
  const rows = columnOf(readme, 'file')
  /** Not everybody has these. */
  const atTimes = ['vault.key', 'preferences.json', 'clients/']

  it('names every file there is', () => {
    const listed = [...Object.values(named).map((path) => path.slice(home.length + 1)), 'vault.key']
    expect(rows.map((row) => row.replace(/\/$/u, '')).toSorted()).toEqual(listed.toSorted())
  })

  it('is where the broker of this page put it', () => {
    const actual = homePaths(reader.env, process.platform).home
    const found = readdirSync(actual, { recursive: true, encoding: 'utf8' })
    const files = found.filter((name) => !statSync(join(actual, name)).isDirectory())
    expect(files).toContain('vault.db')
    const isListed = (name: string): boolean =>
      rows.some((row) => name === row || (row.endsWith('/') && name.startsWith(row)))
    // SQLite's own companions, while a database is open.
    const isCompanion = (name: string): boolean => rows.includes(name.replace(/-(?:wal|shm|journal)$/u, ''))
    expect(files.filter((name) => !isListed(name) && !isCompanion(name))).toEqual([])
    const missing = rows.filter((row) => !existsSync(join(actual, row)))
    expect(missing.filter((row) => !atTimes.includes(row))).toEqual([])
  })

  it('names the folders of each system', () => {
    const { home: mac } = homePaths({ HOME: '/home' }, 'darwin')
    const { home: windows } = homePaths({ LOCALAPPDATA: 'C:\\data' }, 'win32')
    const { home: xdg } = homePaths({ XDG_DATA_HOME: '/data' }, 'linux')
    const spans = codeSpans(readme)
    for (const path of [home, mac]) expect(spans).toContain(path.replace('/home', '~'))
    expect(spans).toContain(windows.replace('C:\\data', '%LOCALAPPDATA%'))
    expect(spans).toContain(xdg.replace('/data', '$XDG_DATA_HOME'))
  })
})

describe('the choices for the key of a new vault', () => {
  const choices = columnOf(readme, 'start with')

  it.each(choices)('`%s` starts a broker that says which it was', async (command) => {
    const name = `choice-${String(choices.indexOf(command))}`
    const PATH = [join(reader.env['HOME'] ?? '', '.local/bin'), reader.env['PATH']].join(delimiter)
    // Its name is short because a socket's path has to be.
    const env = { ...reader.env, HOME: join(reader.scratch, name), PATH }
    const terminal = openTerminal(join(reader.scratch, `${name}-terminal`), env, root)
    const running = terminal.start(command)
    try {
      if (command.includes('--passphrase'))
        for (const prompt of ['New passphrase for the vault: ', 'The same again: ']) {
          await until(() => (running.shown().endsWith(prompt) ? true : undefined))
          running.type('correct horse battery staple\n')
        }
      await whenReady(running)
      const { shown } = await terminal.run('valetkey status --json')
      const flag = /--(?:insecure-)?([\w-]+)/u.exec(command)?.[1]
      expect(JSON.parse(shown)).toMatchObject({ vault: { state: 'unlocked', protection: flag ?? 'os-keyring' } })
    } finally {
      await terminal.close()
    }
  })

  it('are all there is, and without a keyring the first does not start', async () => {
    const { code, stderr } = await runCli(join(reader.scratch, 'no-keyring'), ['daemon'])
    expect(code).toBe(errorTable.locked.exit)
    expect(stderr).toContain('keyring')
    expect(choices).toHaveLength(3)
  })
})

describe('a table that repeats the code', () => {
  it('names the codes, with their HTTP status and exit status', () => {
    const rows = tableOf(readme, 'code')
      .slice(1)
      .map(([code, status, exit]) => [plain(code), Number(status), Number(exit)])
    expect(rows).toEqual(Object.entries(errorTable).map(([code, { status, exit }]) => [code, status, exit]))
  })

  it('names the routes of the endpoint, and which of them are open', () => {
    const routes = [...Object.values(clientRoutes), proxyRoute].map(
      ({ method, path, open }) => `${method} ${path}${open ? ' (open)' : ''}`,
    )
    expect(columnOf(readme, 'route').toSorted()).toEqual(routes.toSorted())
  })

  it('names the folders', () => {
    const folders = [...globSync('{main,clients}/*/', { cwd: root }), 'preload', 'renderer', 'test', 'bench']
      .map((path) => path.replaceAll('\\', '/').replace(/\/$/u, ''))
      .filter((folder) => globSync(`${folder}/**/*.{ts,tsx,js,c}`, { cwd: root }).length > 0)
    expect(columnOf(readme, 'folder').toSorted()).toEqual(folders.toSorted())
  })

  it('names the rules, all ten', () => {
    expect(columnOf(readme, 'rule')).toEqual(Array.from({ length: 10 }, (_, index) => `R${String(index + 1)}`))
  })

  it('names the classes of a refresh, and the moments at which it can die', () => {
    const ports = read('main/broker/ports.ts')
    const refresh = read('docs/refresh.md')
    const outcomes = /export type RefreshOutcome =[^]*?\n\n/u.exec(ports)?.[0] ?? ''
    const classes = [...outcomes.matchAll(/kind: '([\w-]+)'/gu)].map(([, kind]) => kind)
    expect(classes).toContain('refreshed')
    expect(columnOf(refresh, 'class')).toEqual(classes)
    const points = [...(/export type FaultPoint = (.*)/u.exec(ports)?.[1] ?? '').matchAll(/'(\w+)'/gu)].map(
      ([, point]) => point,
    )
    expect(points).toContain('beforeSend')
    expect(columnOf(refresh, 'died').map((died) => /\((\w+)\)/u.exec(died)?.[1])).toEqual(points)
  })
})

/** Whether a link of ours leads to a file there is, and to a heading it has. */
function leads(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : join(dirname(page), path)
  return existsSync(join(root, target)) && (anchor === undefined || anchorsOf(read(target)).includes(anchor))
}

describe('what the pages mention', () => {
  const spans = [...new Set(pages.flatMap((page) => codeSpans(read(page))))]
  const later = /\*\*Not here yet:\*\*[^]*?\n\n/u.exec(readme)?.[0] ?? ''
  const commands = spans.filter((span) => /^valetkey [a-z]/u.test(span) && !later.includes(`\`${span}\``))
  const help = (name: string): ReturnType<typeof runCli> =>
    runCli(join(reader.scratch, 'help'), [...name.split(' '), '--help'])

  it.each(commands)('`%s` is a command there is', async (span) => {
    const [, name = '', ...words] = span.split(' ')
    const { code, stdout } = await help(name)
    expect(code).toBe(0)
    const options = words.filter((word) => word.startsWith('--'))
    expect(options.filter((option) => !new RegExp(`${option}\\b`, 'u').test(stdout))).toEqual([])
  })

  it('`--options` are those of a command there is', async () => {
    const helps = await Promise.all(
      ['daemon', 'link', 'token', 'approve', 'providers add', 'run', 'credential git', 'fetch'].map(help),
    )
    const known = helps.map(({ stdout }) => stdout).join('')
    const options = spans.filter((span) => span.startsWith('--')).flatMap((span) => span.match(/--[\w-]+/gu) ?? [])
    expect(options).not.toHaveLength(0)
    expect(options.filter((option) => option !== '--help' && !new RegExp(`${option}\\b`, 'u').test(known))).toEqual([])
  })

  it('and a command that is not here yet is not', async () => {
    const named = codeSpans(later).filter((span) => span.startsWith('valetkey '))
    expect(later).not.toBe('')
    for (const span of named) expect((await help(span.split(' ')[1] ?? '')).code).toBe(errorTable.invalid_request.exit)
  })

  it('is there: every file and heading linked to, every path named', () => {
    const lost = pages.flatMap((page) => ownLinks(read(page)).filter((link) => !leads(page, link)))
    expect(lost).toEqual([])
    const paths = spans.filter((span) => /^(?:main|test|docs|renderer|clients|preload|bench)\/[\w./-]+$/u.test(span))
    expect(paths.length).toBeGreaterThan(10)
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })

  it('is what somebody refers to: every page under docs, none with a block that nobody runs', () => {
    for (const page of pages.slice(1)) {
      expect(`${prose(readme)}${read('main/broker/ports.ts')}`).toContain(page)
      expect(blocksOf(read(page))).toEqual([])
    }
  })
})
