/**
 * The README and the pages under docs/, held to their word. The rule: every block is run, in order, by a person's
 * stand-in at a real terminal against the real broker, or it is type-checked; a block that is neither is a failure; and
 * every table that repeats what the code says is compared with the code.
 */
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clientRoutes } from '../main/contract/client-api.ts'
import { errorTable } from '../main/contract/errors.ts'
import { homePaths } from '../main/contract/home.ts'
import { startIdentityProvider, type IdentityProvider } from './fakes/identity-provider.ts'
import { browserCommand, login } from './readme/browser.ts'
import { startKeyring, type Keyring } from './readme/keyring.ts'
import {
  anchorsOf,
  blocksOf,
  codeSpans,
  ownLinks,
  plain,
  prose,
  stepsOf,
  tableOf,
  type Block,
} from './readme/markdown.ts'
import { openTerminal, type Ended, type Running, type Terminal } from './readme/terminal.ts'
import { runCli, until } from './setup/daemon.ts'

const root = resolve(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const readme = read('README.md')
const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })]
const blocks = blocksOf(readme)

/** What a block is: run, type-checked, or a picture. Anything else is nothing this test knows, and fails. */
const kinds: Readonly<Record<string, 'run' | 'compiled' | 'picture'>> = {
  sh: 'run',
  console: 'run',
  ts: 'compiled',
  js: 'compiled',
  text: 'picture',
}

/** What stands in the README for what every reader has another one of. */
const placeholders = (provider: IdentityProvider): readonly (readonly [string, string])[] => [
  ['https://idp.example.com', provider.issuer],
  ['https://api.example.com/me', `${provider.issuer}/me`],
  ['YOUR_CLIENT_ID', provider.client_id],
  ["'./clients/js/index.ts'", JSON.stringify(join(root, 'clients/js/index.ts'))],
]

/** Commands that would run this test again, or build what it is running from: their scripts have to be there. */
const ofNpm = /^npm (?:ci|test|run [\w:]+)$/u
/** What is shown to be so after a command, beyond that it succeeds. */
const evidence: readonly (readonly [about: RegExp, seen: RegExp])[] = [
  [/^valetkey daemon.*--console/u, /^console \(opens once, within five minutes\): http:\/\/127\.0\.0\.1:\d+\/open\//mu],
  [/^valetkey link/u, /^valetkey: linked work at OpenID Connect$/mu],
  [/api\.example\.com\/me/u, new RegExp(`["{ ]sub"?: ?["']${login}["']`, 'u')],
  [/^valetkey activity/u, /report +work +token +ok/u],
  [/^valetkey consents/u, /report +work +read/u],
  [/^valetkey unlink/u, /its tokens were revoked at the provider/u],
]

/** What differs from one run to the next, made equal on both sides before a transcript is compared. */
const varying: readonly (readonly [RegExp, string])[] = [
  [/\b\d{3}-\d{3}\b/gu, 'CODE'],
  [/(?<=approve |paired as |"request_id":")[\w-]{16}/gu, 'ID'],
]

const steady = (text: string): string => varying.reduce((so, [pattern, word]) => so.replaceAll(pattern, word), text)
const linesOf = (text: string): readonly string[] =>
  steady(text)
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')

const approving = /^valetkey approve /u
const asksPerson = (block: Block | undefined): boolean =>
  block !== undefined &&
  kinds[block.language] === 'run' &&
  stepsOf(block).some(({ command }) => approving.test(command))

interface Stage {
  readonly scratch: string
  readonly env: NodeJS.ProcessEnv
  readonly terminal: Terminal
  readonly provider: IdentityProvider
  readonly keyring: Keyring
}

let stage: Stage
/** The question shown last, which is the one a person would answer. */
const question = { id: '', code: '' }
/** Blocks that were run as the answer to the one before. */
const answered = new Map<Block, Promise<void>>()

beforeAll(async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'vk-'))
  const home = join(scratch, 'home')
  const { PATH = '', LANG = 'C.UTF-8' } = process.env
  const env = {
    PATH: [dirname(process.execPath), PATH].join(delimiter),
    LANG,
    HOME: home,
    BROWSER: browserCommand,
    // The network is not what this is about, and everything needed is here.
    npm_config_offline: 'true',
    npm_config_update_notifier: 'false',
  }
  const [provider, keyring] = await Promise.all([
    startIdentityProvider({ access_ttl: 3600 }),
    startKeyring(join(scratch, 'keyring'), env),
  ])
  const terminal = openTerminal(join(scratch, 'terminal'), { ...env, ...keyring.env }, root)
  stage = { scratch, env, terminal, provider, keyring }
})

afterAll(async () => {
  await stage.terminal.close()
  await stage.keyring.stop()
  await stage.provider.stop()
  rmSync(stage.scratch, { recursive: true, force: true })
})

const filled = (text: string): string =>
  placeholders(stage.provider).reduce((so, [word, value]) => so.replaceAll(word, () => value), text)

/** Remembers the question a terminal shows, as the eyes of a person do. */
function look(shown: string): void {
  const id = [...shown.matchAll(/valetkey approve ([\w-]{16})/gu)].at(-1)?.[1]
  const code = [...shown.matchAll(/code"?: ?"?(\d{3}-\d{3})/gu)].at(-1)?.[1]
  if (id !== undefined && code !== undefined) Object.assign(question, { id, code })
}

/** Runs the steps of a block. `next`: what the page shows as the answer when a step waits for the person. */
async function perform(block: Block, next: Block | undefined): Promise<void> {
  for (const { command, output } of stepsOf(block)) {
    const parts = command.split('&&').map((part) => part.trim())
    if (parts.every((part) => ofNpm.test(part))) {
      for (const part of parts) expectScript(part)
      continue
    }
    const ended = command.startsWith('valetkey daemon') ? await startDaemon(command) : await type(command, next)
    if (output === null) expect(ended.code, ended.shown).toBe(0)
    else expect(linesOf(ended.shown)).toEqual(linesOf(filled(output.join('\n'))))
    for (const [about, seen] of evidence) if (about.test(command)) expect(ended.shown).toMatch(seen)
  }
}

/** Continuous integration runs `npm ci` and `npm test`; the rest are scripts of ours whose file is there. */
function expectScript(command: string): void {
  const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> }
  const name = command.replace(/^npm (?:run )?/u, '')
  if (name === 'ci') expect(existsSync(join(root, 'package-lock.json'))).toBe(true)
  else expect(Object.keys(scripts)).toContain(name)
  for (const [file] of (scripts[name] ?? '').matchAll(/\b[\w/-]+\.ts\b/gu))
    expect(existsSync(join(root, file)), file).toBe(true)
  if (name === 'ci' || name === 'test')
    expect(
      read('.ci/run')
        .split('\n')
        .some((line) => line.startsWith(command)),
    ).toBe(true)
}

/** A command that stays in the foreground: it goes on while the rest of the page is read. */
async function startDaemon(command: string): Promise<Ended> {
  const running = stage.terminal.start(command)
  await ready(running)
  return { code: 0, shown: running.shown() }
}

async function ready(running: Running): Promise<void> {
  let over = false
  void running.ended.then(() => {
    over = true
  })
  await until(() => {
    if (over) throw new Error(`the broker ended: ${running.shown()}`)
    return running.shown().includes('Valetkey is ready in') ? true : undefined
  })
}

async function type(command: string, next: Block | undefined): Promise<Ended> {
  const words = approving.test(command) ? command.replace(/(?<=approve )[\w-]{16}/u, question.id) : command
  let typed = false
  const ended = await stage.terminal.run(filled(words), (running) => {
    look(running.shown())
    if (/shows: $/u.test(running.shown()) && !typed) {
      typed = true
      running.type(`${question.code}\n`)
    }
    if (/waiting for approval[^]*approve [\w-]{16}\n/u.test(running.shown()) && next && !answered.has(next)) {
      const answer = perform(next, undefined)
      answered.set(next, answer)
      // Told where the block itself is judged; until then nobody listens.
      answer.catch(() => undefined)
    }
  })
  look(ended.shown)
  return ended
}

const run = promisify(execFile)

/** Type-checks a program as strictly as our own; answers what the compiler says. */
async function compile(name: string, text: string): Promise<string> {
  const file = join(stage.scratch, `${name}.ts`)
  writeFileSync(file, filled(text))
  const project = join(stage.scratch, `${name}.json`)
  const compilerOptions = {
    ...{ composite: false, emitDeclarationOnly: false, noEmit: true, types: ['node'], lib: ['ES2024', 'DOM'] },
    ...{ typeRoots: [join(root, 'node_modules/@types')], rootDir: '/' },
  }
  writeFileSync(
    project,
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, files: [file], references: [] }),
  )
  return run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--project', project]).then(
    () => '',
    (thrown: unknown) => (thrown as { readonly stdout: string }).stdout || String(thrown),
  )
}

describe('every block of the README', () => {
  it('is one that is run, type-checked, or a picture', () => {
    expect(blocks.length).toBeGreaterThan(10)
    for (const { language, line } of blocks) expect(Object.keys(kinds), `line ${String(line)}`).toContain(language)
    for (const { language, text, line } of blocks)
      if (kinds[language] === 'picture')
        expect(text, `line ${String(line)}`).not.toMatch(/^(?:\$|npm|npx|node|valetkey|curl|import) /mu)
  })

  it.each(
    blocks.map((block, index) => ({
      block,
      next: blocks[index + 1],
      of: `${block.language} at line ${String(block.line)}`,
    })),
  )(
    'holds: $of',
    async ({ block, next }) => {
      const kind = kinds[block.language]
      if (kind === 'run') await (answered.get(block) ?? perform(block, asksPerson(next) ? next : undefined))
      if (kind === 'compiled') {
        const name = `block-${String(block.line)}`
        expect(await compile(name, block.text)).toBe('')
        const { code, shown } = await stage.terminal.run(`node '${join(stage.scratch, `${name}.ts`)}'`)
        expect(code, shown).toBe(0)
        for (const [about, seen] of evidence) if (about.test(block.text)) expect(shown).toMatch(seen)
      }
      expect(kind).toBeDefined()
    },
    90_000,
  )

  it('and a program that does not fit is refused', async () => {
    const wrong = "import { connect } from './clients/js/index.ts'\nconnect().getToken({ acount: 'work' })\n"
    expect(await compile('wrong', wrong)).toContain('acount')
  })

  it('and a transcript that is not what happens is seen', () => {
    expect(linesOf('code: 123-456\nrun: valetkey approve abcdefghijklmnop')).toEqual([
      'code: CODE',
      'run: valetkey approve ID',
    ])
    expect(linesOf('valetkey: approved for report')).not.toEqual(linesOf('valetkey: approved for someone'))
    expect(() => blocksOf('```sh\nls')).toThrow('not closed')
    expect(() => blocksOf('  ```sh\n  ls\n  ```')).toThrow('margin')
    expect(() => stepsOf({ language: 'console', text: 'no prompt', line: 1 })).toThrow('does not begin with a command')
  })
})

describe('where data lives', () => {
  const paths = homePaths({ HOME: '/home' }, 'linux')
  const rows = tableOf(readme, 'file')
    .slice(1)
    .map(([name]) => plain(name))

  it('names every file there is', () => {
    const { preferences: _notWritten, home, run: _folder, ...named } = paths
    const listed = Object.values(named)
      .map((path) => path.slice(home.length + 1))
      .concat('vault.key')
    expect(rows.map((row) => row.replace(/\/$/u, '')).toSorted()).toEqual(listed.toSorted())
  })

  it('is where the broker of this page put it', () => {
    const home = homePaths(stage.env, process.platform).home
    const found = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter(
      (name) => !statSync(join(home, name)).isDirectory(),
    )
    expect(found).toContain('vault.db')
    // SQLite's own companions, while the database is open.
    const strangers = found.filter(
      (name) =>
        !rows.some(
          (row) =>
            name === row ||
            (row.endsWith('/') && name.startsWith(row)) ||
            /^(?:vault|activity)\.db-(?:wal|shm)$/u.test(name),
        ),
    )
    expect(strangers).toEqual([])
    for (const row of rows) if (row !== 'vault.key') expect(existsSync(join(home, row)), row).toBe(true)
  })

  it('names the folders of each system', () => {
    expect(readme).toContain(`\`~${paths.home.slice('/home'.length)}\``)
    expect(readme).toContain(`\`~${homePaths({ HOME: '/home' }, 'darwin').home.slice('/home'.length)}\``)
    expect(readme).toContain(
      `\`${homePaths({ LOCALAPPDATA: 'C:\\%' }, 'win32').home.replace('C:\\%', '%LOCALAPPDATA%')}\``,
    )
    expect(readme).toContain(`\`${homePaths({ XDG_DATA_HOME: '/%' }, 'linux').home.replace('/%', '$XDG_DATA_HOME')}\``)
  })
})

describe('the choices for the key of a new vault', () => {
  const choices = tableOf(readme, 'start with')
    .slice(1)
    .map(([command]) => plain(command))

  it.each(choices)('%s starts a broker that says which it was', async (command) => {
    const folder = join(stage.scratch, `choice-${String(choices.indexOf(command))}`)
    const env = {
      ...stage.env,
      ...stage.keyring.env,
      HOME: folder,
      PATH: [join(stage.scratch, 'home/.local/bin'), stage.env['PATH']].join(delimiter),
    }
    const terminal = openTerminal(join(stage.scratch, `terminal-${String(choices.indexOf(command))}`), env, root)
    const running = terminal.start(command)
    try {
      if (command.includes('--passphrase'))
        for (const prompt of ['New passphrase for the vault: ', 'The same again: ']) {
          await until(() => (running.shown().endsWith(prompt) ? true : undefined))
          running.type('correct horse battery staple\n')
        }
      await ready(running)
      const { shown } = await terminal.run('valetkey status')
      const kept = command.includes('--passphrase')
        ? 'passphrase'
        : command.includes('key-file')
          ? 'key-file'
          : 'os-keyring'
      expect(shown).toMatch(new RegExp(`^vault +unlocked, kept by ${kept}`, 'mu'))
    } finally {
      await terminal.close()
    }
  })

  it('are all there is: without a keyring the first does not start', async () => {
    const home = join(stage.scratch, 'no-keyring')
    const { code, stderr } = await runCli(home, ['daemon'])
    expect(code).toBe(errorTable.locked.exit)
    expect(stderr).toContain('keyring')
    expect(choices).toHaveLength(3)
  })
})

describe('tables that repeat the code', () => {
  it('the codes, with their HTTP status and exit status', () => {
    const rows = tableOf(readme, 'code')
      .slice(1)
      .map(([code, status, exit]) => [plain(code), Number(status), Number(exit)])
    expect(rows).toEqual(Object.entries(errorTable).map(([code, { status, exit }]) => [code, status, exit]))
  })

  it('the routes of the endpoint, and which of them are open', () => {
    const rows = tableOf(readme, 'route')
      .slice(1)
      .map(([route]) => plain(route))
      .toSorted()
    const routes = Object.values(clientRoutes).map(
      ({ method, path, open }) => `${method} ${path}${open ? ' (open)' : ''}`,
    )
    expect(rows).toEqual(routes.toSorted())
  })

  it('the folders', () => {
    const rows = tableOf(readme, 'folder')
      .slice(1)
      .map(([folder]) => plain(folder))
    const folders = [
      ...globSync('main/*/', { cwd: root }),
      ...globSync('clients/*/', { cwd: root }),
      ...['preload', 'renderer', 'test'],
    ].map((path) => path.replaceAll('\\', '/').replace(/\/$/u, ''))
    expect(rows.toSorted()).toEqual(
      folders.filter((folder) => globSync(`${folder}/**/*.{ts,tsx}`, { cwd: root }).length > 0).toSorted(),
    )
  })

  it('the rules, all ten', () => {
    expect(
      tableOf(readme, 'rule')
        .slice(1)
        .map(([rule]) => rule),
    ).toEqual(Array.from({ length: 10 }, (_, index) => `R${String(index + 1)}`))
  })

  it('the classes of a refresh, and the moments at which it can die', () => {
    const ports = read('main/broker/ports.ts')
    const outcomes = /export type RefreshOutcome =[^]*?\n\n/u.exec(ports)?.[0] ?? ''
    const classes = [...outcomes.matchAll(/kind: '([\w-]+)'/gu)].map(([, kind]) => kind)
    const refresh = read('docs/refresh.md')
    expect(
      tableOf(refresh, 'class')
        .slice(1)
        .map(([kind]) => plain(kind)),
    ).toEqual(classes)
    const points = [...(/export type FaultPoint = (.*)/u.exec(ports)?.[1] ?? '').matchAll(/'(\w+)'/gu)].map(
      ([, point]) => point,
    )
    const moments = tableOf(refresh, 'died')
      .slice(1)
      .map(([died]) => /`(\w+)`/u.exec(died ?? '')?.[1])
    expect(points.length).toBeGreaterThan(0)
    expect(moments).toEqual(points)
  })
})

describe('what the pages mention', () => {
  const commands = pages.flatMap((page) => codeSpans(read(page))).filter((span) => /^valetkey [a-z]/u.test(span))
  const later = /\*\*Not here yet:\*\*[^]*?\n\n/u.exec(readme)?.[0] ?? ''

  it.each([...new Set(commands)].filter((span) => !later.includes(`\`${span}\``)))(
    '`%s` is a command there is',
    async (span) => {
      const [, name = '', ...words] = span.split(' ')
      const { code, stdout } = await runCli(join(stage.scratch, 'help'), [name, '--help'])
      expect(code).toBe(0)
      for (const word of words) if (word.startsWith('--')) expect(stdout).toMatch(new RegExp(`${word}\\b`, 'u'))
    },
  )

  it('and what is not here yet is not', async () => {
    expect(later).not.toBe('')
    for (const span of codeSpans(later).filter((one) => one.startsWith('valetkey ')))
      expect((await runCli(join(stage.scratch, 'help'), [span.split(' ')[1] ?? '', '--help'])).code).toBe(2)
  })

  it('every file and every heading linked to', () => {
    for (const page of pages)
      for (const link of ownLinks(read(page))) {
        const [path = '', anchor] = link.split('#')
        const target = path === '' ? page : join(dirname(page), path)
        expect(existsSync(join(root, target)), `${page}: ${link}`).toBe(true)
        if (anchor !== undefined) expect(anchorsOf(read(target)), `${page}: ${link}`).toContain(anchor)
      }
  })

  it('every path in the checkout that is named', () => {
    const named = pages
      .flatMap((page) => codeSpans(read(page)))
      .filter((span) => /^(?:main|test|docs|renderer|clients|preload)\/[\w./-]+$/u.test(span))
    expect(named.length).toBeGreaterThan(10)
    for (const path of named) expect(existsSync(join(root, path)), path).toBe(true)
  })

  it('every page under docs is one that something refers to, and has no block that nobody runs', () => {
    for (const page of pages.slice(1)) {
      expect(`${prose(readme)}${read('main/broker/ports.ts')}`).toContain(page)
      expect(blocksOf(read(page))).toEqual([])
    }
  })
})
