/**
 * A person who reads a page from top to bottom and does what it says. The rule: what the page shows is typed as it
 * stands, but for the placeholders declared here; where a program waits for its person, the next block that approves is
 * what the person does; and what a transcript shows is what has to happen.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { until } from '../setup/daemon.ts'
import { browserCommand, login } from './browser.ts'
import { startKeyring, type Keyring } from './keyring.ts'
import { stepsOf, type Block } from './markdown.ts'
import { openTerminal, type Ended, type Running, type Terminal } from './terminal.ts'

/** What stands in the page for what every reader has another one of. `root`: the checkout. */
const placeholders = (root: string, provider: IdentityProvider): readonly (readonly [string, string])[] => [
  ['https://idp.example.com', provider.issuer],
  ['https://api.example.com/me', `${provider.issuer}/me`],
  ['https://api.example.com/', `${provider.issuer}/`],
  ['YOUR_CLIENT_ID', provider.client_id],
  ["'./clients/js/index.ts'", JSON.stringify(join(root, 'clients/js/index.ts'))],
  ["'./clients/js/service-worker.ts'", JSON.stringify(join(root, 'clients/js/service-worker.ts'))],
]

/** What has to be seen of a command or a program besides its success. */
const evidence: readonly (readonly [about: RegExp, seen: RegExp])[] = [
  [/^valetkey daemon.*--console/u, /^console \(opens once, within five minutes\): http:\/\/127\.0\.0\.1:\d+\/open\//mu],
  [/^valetkey link/u, /^valetkey: linked work at OpenID Connect$/mu],
  [/api\.example\.com\/me/u, new RegExp(`["{ ]sub"?: ?["']${login}["']`, 'u')],
  [/^valetkey fetch|proxy\/me/u, new RegExp(`"sub":"${login}"`, 'u')],
  [/^valetkey activity$/u, /report +work +token +ok/u],
  [/^valetkey activity verify/u, /^valetkey: \d+ rows since .*, each as it was written$/mu],
  [/^valetkey consents/u, /report +work +read/u],
  [/^valetkey unlink/u, /its tokens were revoked at the provider/u],
]

/** What differs from one run to the next, made equal on both sides before a transcript is compared. */
const varying: readonly (readonly [RegExp, string])[] = [
  [/\b\d{3}-\d{3}\b/gu, 'CODE'],
  [/(?<=asked by: )(?:\S+ \(process \d+, user \d+; says the system\)|not verified)/gu, 'PROGRAM'],
  [/(?<=approve |paired as |"request_id":")[\w-]{16}/gu, 'ID'],
]

/** Commands that would run this very test again, or build what it runs from. */
const ofNpm = /^npm (?:ci|test|run [\w:]+)$/u
const approving = 'valetkey approve '

/** A transcript in the form in which two of them are compared. */
export function linesOf(text: string): readonly string[] {
  return varying
    .reduce((so, [pattern, word]) => so.replaceAll(pattern, word), text)
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
}

export interface Reader {
  /** A folder that goes with the reader; the person's home is `home` in it. */
  readonly scratch: string
  readonly env: NodeJS.ProcessEnv
  readonly terminal: Terminal
  /** The text with the placeholders filled in. */
  filled(text: string): string
  /** Does what a shell block says, unless it was already done in answer to the one before. Throws what does not hold. */
  perform(block: Block, next: Block | undefined): Promise<void>
  /** Throws unless `shown` has what has to be seen of a command or program like this. */
  expectEvidence(about: string, shown: string): void
  leave(): Promise<void>
}

/** A reader with an empty home, a keyring, a browser and an identity provider. `root`: the checkout. */
export async function sitDown(root: string): Promise<Reader> {
  const scratch = mkdtempSync(join(tmpdir(), 'vk-'))
  const { PATH = '', LANG = 'C.UTF-8' } = process.env
  const plain = {
    PATH: [dirname(process.execPath), PATH].join(delimiter),
    LANG,
    HOME: join(scratch, 'home'),
    BROWSER: browserCommand,
    // Everything that is needed is here.
    npm_config_offline: 'true',
    npm_config_update_notifier: 'false',
  }
  const [provider, keyring] = await Promise.all([
    startIdentityProvider({ access_ttl: 3600 }),
    startKeyring(join(scratch, 'keyring'), plain),
  ])
  return new Person(root, scratch, { ...plain, ...keyring.env }, provider, keyring)
}

class Person implements Reader {
  readonly scratch: string
  readonly env: NodeJS.ProcessEnv
  readonly terminal: Terminal
  readonly #root: string
  readonly #provider: IdentityProvider
  readonly #keyring: Keyring
  /** The question seen last, which is the one to answer. */
  #question = { id: '', code: '' }
  readonly #answers = new Map<Block, Promise<void>>()

  constructor(root: string, scratch: string, env: NodeJS.ProcessEnv, provider: IdentityProvider, keyring: Keyring) {
    this.scratch = scratch
    this.env = env
    this.terminal = openTerminal(join(scratch, 'terminal'), env, root)
    this.#root = root
    this.#provider = provider
    this.#keyring = keyring
  }

  filled(text: string): string {
    return placeholders(this.#root, this.#provider).reduce(
      (so, [word, value]) => so.replaceAll(word, () => value),
      text,
    )
  }

  expectEvidence(about: string, shown: string): void {
    for (const [pattern, seen] of evidence) if (pattern.test(about)) match(shown, seen)
  }

  async perform(block: Block, next: Block | undefined): Promise<void> {
    await (this.#answers.get(block) ?? this.#do(block, next))
  }

  async leave(): Promise<void> {
    await this.terminal.close()
    await this.#keyring.stop()
    await this.#provider.stop()
    rmSync(this.scratch, { recursive: true, force: true })
  }

  async #do(block: Block, next: Block | undefined, apart = false): Promise<void> {
    for (const { command, output } of stepsOf(block)) {
      const parts = command.split('&&').map((part) => part.trim())
      if (parts.every((part) => ofNpm.test(part))) {
        for (const part of parts) expectScript(this.#root, part)
        continue
      }
      const ended = command.startsWith('valetkey daemon')
        ? await this.#leaveRunning(command)
        : await this.#type(command, next, apart)
      if (output === null) equal(ended.code, 0, ended.shown)
      else deepEqual(linesOf(ended.shown), linesOf(this.filled(output.join('\n'))))
      this.expectEvidence(command, ended.shown)
    }
  }

  async #leaveRunning(command: string): Promise<Ended> {
    const running = this.terminal.start(command)
    await whenReady(running)
    return { code: 0, shown: running.shown() }
  }

  async #type(command: string, next: Block | undefined, apart: boolean): Promise<Ended> {
    const words = command.startsWith(approving)
      ? command.replace(/(?<=approve )[\w-]{16}/u, this.#question.id)
      : command
    let typed = false
    const watch = (running: Running): void => {
      this.#look(running.shown())
      if (running.shown().endsWith(' shows: ') && !typed) {
        typed = true
        running.type(`${this.#question.code}\n`)
      }
      if (/waiting for approval[^]*approve [\w-]{16}\n/u.test(running.shown())) this.#answer(next)
    }
    const ended = await this.terminal.run(this.filled(words), watch, apart)
    this.#look(ended.shown)
    return ended
  }

  /** What the page shows next, if it approves, is done while the program waits. */
  #answer(next: Block | undefined): void {
    if (!next || this.#answers.has(next) || !stepsOf(next).some(({ command }) => command.startsWith(approving))) return
    const answer = this.#do(next, undefined, true)
    this.#answers.set(next, answer)
    // Judged where the block itself is; until then nobody listens.
    answer.catch(() => undefined)
  }

  #look(shown: string): void {
    const id = [...shown.matchAll(/valetkey approve ([\w-]{16})/gu)].at(-1)?.[1]
    const code = [...shown.matchAll(/code"?: ?"?(\d{3}-\d{3})/gu)].at(-1)?.[1]
    if (id !== undefined && code !== undefined) this.#question = { id, code }
  }
}

/** Waits for a broker in the foreground to be ready. Throws what it said when it ends instead. */
export async function whenReady(running: Running): Promise<void> {
  let over = false
  void running.ended.then(() => {
    over = true
  })
  await until(() => {
    if (over) throw new Error(`the broker ended: ${running.shown()}`)
    return running.shown().includes('Valetkey is ready in') ? true : undefined
  })
}

/** A command of npm exists: its script, the files that one names, and continuous integration for the two it runs. */
function expectScript(root: string, command: string): void {
  const read = (path: string): string => readFileSync(join(root, path), 'utf8')
  const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> }
  const name = command.replace(/^npm (?:run )?/u, '')
  ok(
    name === 'ci' ? existsSync(join(root, 'package-lock.json')) : Object.hasOwn(scripts, name),
    `${command}: not there`,
  )
  for (const [file] of (scripts[name] ?? '').matchAll(/\b[\w/-]+\.ts\b/gu))
    ok(existsSync(join(root, file)), `${command}: ${file} is missing`)
  const ofIntegration = read('.ci/run')
    .split('\n')
    .map((line) => line.split(' || ')[0])
  if (name === 'ci' || name === 'test') ok(ofIntegration.includes(command), `${command}: not what CI runs`)
}
