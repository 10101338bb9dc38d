/**
 * The commands a person types, as one table of contents. The rule: this file is loaded only for them; it reads words and
 * hands them on, and every wrong word ends in one sentence and what to type instead.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { BrokerError } from '../contract/errors.ts'
import type { ClientKind } from '../contract/model.ts'
import { invalidateToken, listAccounts, unlinkAccount } from './commands/accounts.ts'
import { exportActivity, retainActivity, showActivity, verifyActivity } from './commands/activity.ts'
import { type ClientSessionOptions, runClientSession } from './commands/client-session.ts'
import {
  approve,
  type ApproveOptions,
  deny,
  listClients,
  listConsents,
  listRequests,
  pairClient,
  revoke,
} from './commands/consent.ts'
import { examine } from './commands/doctor.ts'
import { deliverCallback, linkAccount, type LinkOptions } from './commands/link.ts'
import {
  installNativeHost,
  showNativeHost,
  uninstallNativeHost,
  type NativeHostOptions,
} from './commands/native-host.ts'
import {
  addProvider,
  listProviders,
  removeProvider,
  showProvider,
  testProvider,
  validateProvider,
} from './commands/providers.ts'
import type { FetchOptions } from './commands/fetch.ts'
import { endShift, listProfiles, moveAccounts, setShiftEnd } from './commands/profile.ts'
import { openSession, type Session } from './commands/session.ts'
import { showConsoleLink, showStatus } from './commands/status.ts'
import { lockVault, unlockVault } from './commands/vault.ts'
import { fail, print, sayPlain } from './output.ts'
import { addServers } from './servers.ts'
import { tokenOptions, wantsJson } from './token-arguments.ts'
import { addTools, seconds } from './tools.ts'

declare const __VERSION__: string

const footer = `
Results go to stdout, words to stderr. With --json a result is one line of JSON on stdout; an error is one line of JSON
on stderr ({"error", "error_description", "resolve"?, ...}) and stdout stays empty.
Exit status: 0 ok, 2 usage, 3 not running, 4 locked, 5 consent or sign-in needed, 6 denied, 7 provider, 8 not found, 1 the rest.`

/** Runs one managing command; gives the exit status. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const json = wantsJson(argv)
  const session = openSession(json)
  let status = 0
  const program = build(session, (code) => {
    status = code
  })
  try {
    const unknown = argv[0]
    const names = program.commands.map((command) => command.name())
    if (unknown === undefined) {
      sayPlain(program.helpInformation())
      return 2
    }
    if (!unknown.startsWith('-') && unknown !== 'help' && !names.includes(unknown))
      throw new BrokerError('invalid_request', `There is no command “${unknown}”. There are: ${names.join(', ')}.`, {
        resolve: { command: 'valetkey --help' },
      })
    await program.parseAsync([...argv], { from: 'user' })
    return status
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0
    const command = names(program).find((name) => name === argv[0])
    return fail(thrown instanceof CommanderError ? usageError(thrown, argv, names(program)) : thrown, json, command)
  }
}

const names = (program: Command): readonly string[] => program.commands.map((command) => command.name())

function usageError({ message }: CommanderError, argv: readonly string[], known: readonly string[]): BrokerError {
  const sentence = message.replace(/^error: /u, '').trim()
  const command = known.find((name) => name === argv[0])
  return new BrokerError(
    'invalid_request',
    `${sentence.slice(0, 1).toUpperCase()}${sentence.slice(1)}.`.replace(/\.\.$/u, '.'),
    {
      resolve: { command: command === undefined ? 'valetkey --help' : `valetkey ${command} --help` },
    },
  )
}

function build(session: Session, exit: (code: number) => void): Command {
  const program = new Command('valetkey')
    .description('Sign in once; every tool gets a fresh access token; none of them gets the keys.')
    .version(__VERSION__, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        print(text.trimEnd())
      },
      writeErr: () => undefined,
    })
    .addHelpText('after', footer)
  const command = (usage: string, description: string): Command =>
    program.command(usage).description(description).option('--json', 'print JSON').addHelpText('after', footer)

  addBroker(command, session, exit)
  addAccounts(command, session, exit)
  addProfiles(command, session, exit)
  addConsent(command, session, exit)
  addNativeHost(command, session)
  addTools(command, session, exit)
  addServers(command, session, exit)
  return program
}

type Add = (usage: string, description: string) => Command

function addBroker(command: Add, session: Session, exit: (code: number) => void): void {
  // Both are run before this file is loaded; they are here to be listed and explained.
  command('daemon', 'run the broker in the foreground, without windows')
    .option('--http [PORT]', 'also answer on loopback TCP (any free port unless told)')
    .option('--console', 'also serve the console in a browser')
    .option('--scheme', 'take browsers’ answers through app.valetkey: as well (Linux)')
    .option('--passphrase', 'protect a new vault with a passphrase')
    .option('--insecure-key-file', 'protect a new vault with nothing but a file beside it')
  const token = command('token <ACCOUNT>', 'print a fresh access token')
  for (const { name, value, help } of tokenOptions)
    if (name !== 'json') token.option(value === undefined ? `--${name}` : `--${name} <${value}>`, help)

  command('status', 'what runs and where it lives')
    .option('--console', 'print a new one-time link to the console instead')
    .action((options: { readonly console?: boolean }) =>
      options.console ? showConsoleLink(session) : showStatus(session),
    )
  command('doctor', 'what is wrong and how to mend it').action(async () => {
    exit(await examine(session))
  })
  command('lock', 'forget the vault’s key until unlock').action(() => lockVault(session))
  command('unlock', 'open the vault; a passphrase is asked for, or read from stdin').action(() => unlockVault(session))
  addActivity(
    command('activity', 'what was asked and how it ended')
      .option('--follow', 'go on with what comes')
      .addOption(new Option('--limit <N>', 'how many of the last').argParser(count).default(50))
      .action((options: { readonly follow?: boolean; readonly limit: number }) => showActivity(session, options)),
    session,
    exit,
  )
}

function addActivity(activity: Command, session: Session, exit: (code: number) => void): void {
  const command = (usage: string, description: string): Command =>
    activity.command(usage).description(description).option('--json', 'print JSON')
  command('verify', 'whether every row is as it was written')
    .option('--head <HEAD>', 'a head noted earlier, which the record must pass through')
    .action(async ({ head }: { readonly head?: string }) => {
      exit(await verifyActivity(session, head))
    })
  command('export', 'every row, oldest first, a line each')
    .option('--csv', 'as comma-separated values instead of JSON')
    .action((options: { readonly csv?: boolean }) => exportActivity(session, options))
  command('retain <DAYS>', 'after how many days rows are forgotten').action((days: string) =>
    retainActivity(session, days),
  )
}

function addProfiles(add: Add, session: Session, exit: (code: number) => void): void {
  const profile = add('profile', 'accounts that are linked for a shift and go together at its end').action(() =>
    listProfiles(session),
  )
  const command = (usage: string, description: string): Command =>
    profile.command(usage).description(description).option('--json', 'print JSON')
  command('add <PROFILE> <ACCOUNT...>', 'put accounts into it').action((name: string, accounts: readonly string[]) =>
    moveAccounts(session, name, accounts),
  )
  command('remove <ACCOUNT...>', 'take accounts out of theirs').action((accounts: readonly string[]) =>
    moveAccounts(session, undefined, accounts),
  )
  command('until <PROFILE> <TIME>', 'when its shift ends by itself: 18:00, 8h, or never').action(
    (name: string, time: string) => setShiftEnd(session, name, time),
  )
  command('end <PROFILE>', 'unlink and revoke all of it, and lock the vault')
    .option('--keep-remote', 'leave the tokens alone at the providers')
    .option('--keep-unlocked', 'do not lock the vault')
    .action(async (name: string, options: { readonly keepRemote?: boolean; readonly keepUnlocked?: boolean }) => {
      exit(await endShift(session, name, options))
    })
}

function addAccounts(command: Add, session: Session, exit: (code: number) => void): void {
  command('link <PROVIDER>', 'sign in to an account')
    .option('--scope <SCOPE>', 'what to ask for, space separated')
    .addOption(
      new Option('--flow <FLOW>', 'how to sign in, if not as the provider would have it').choices([
        ...['browser', 'device', 'client-credentials', 'password'],
      ]),
    )
    .addOption(
      new Option('--redirect <HOW>', 'how the browser comes back').choices([
        ...['custom-scheme', 'loopback', 'oob', 'paste'],
      ]),
    )
    .option('--no-browser', 'print the address instead of opening it')
    .option('--no-qr', 'no QR code of the address for another device')
    .option('--client-id <ID>', 'your own client registration')
    .option('--client-secret-stdin', 'its secret, as the first line of stdin')
    .option('--client-key-file <FILE>', 'its private key instead of a secret, as PEM or JWK (private_key_jwt)')
    .option('--register', 'have the provider register a client for you, where it does (RFC 7591)')
    .option('--resource <URI>', 'what the tokens are to be for (RFC 8707)')
    .option('--username <NAME>', 'for --flow password; the password is asked for, or the next line of stdin')
    .option('--param <name=value>', 'a value the provider wants (valetkey providers show ID)', collect)
    .option('--label <LABEL>', 'what to call the account')
    .option('--profile <PROFILE>', 'the profile to put it into')
    .option('--account <ACCOUNT>', 'sign this account in again')
    .addOption(new Option('--timeout <SECONDS>', 'how long to wait for you').argParser(seconds(600)))
    .action((provider: string, options: LinkOptions) => linkAccount(session, provider, options))
  command('callback <URL>', 'what the system calls with the address the browser was sent back to').action(
    (url: string) => deliverCallback(session, url),
  )
  command('accounts', 'the accounts this command line may use')
    .option('--all', 'every account')
    .action((options: { readonly all?: boolean }) => listAccounts(session, options))
  command('unlink <ACCOUNT>', 'revoke an account’s tokens at the provider and forget it')
    .option('--keep-remote', 'leave the tokens alone at the provider')
    .action((account: string, options: { readonly keepRemote?: boolean }) => unlinkAccount(session, account, options))
  command('invalidate <ACCOUNT> <TOKEN_ID>', 'say that a token got a 401; prints the one that replaces it').action(
    (account: string, tokenId: string) => invalidateToken(session, account, tokenId),
  )
  addFetch(command, session, exit)
  const providers = command('providers', 'the providers that can be linked').action(() => listProviders(session))
  providers
    .command('list', { isDefault: true })
    .description('all of them')
    .option('--json', 'print JSON')
    .action(() => listProviders(session))
  providers
    .command('show <ID>')
    .description('one of them: the --param it wants, and where things go')
    .option('--json', 'print JSON')
    .action((id: string) => showProvider(session, id))
  providers
    .command('test <ID>')
    .description('play its definition through against the provider it describes; nothing is sent anywhere')
    .option('--json', 'print JSON')
    .action((id: string) => testProvider(session, id))
  providers
    .command('validate <FILE>')
    .description('whether a definition can be used, and where things would go')
    .option('--json', 'print JSON')
    .action((file: string) => validateProvider(session, file))
  providers
    .command('add <FILE>')
    .description('keep a definition of your own')
    .option('--yes', 'without asking')
    .option('--json', 'print JSON')
    .action((file: string, options: { readonly yes?: boolean }) => addProvider(session, file, options))
  providers
    .command('remove <ID>')
    .description('forget a definition of your own; accounts that are linked stay as they are')
    .option('--json', 'print JSON')
    .action((id: string) => removeProvider(session, id))
}

function addFetch(command: Add, session: Session, exit: (code: number) => void): void {
  command('fetch <ACCOUNT> <URL_OR_PATH>', 'call an account’s API through the broker; the token is never seen')
    .option('-X, --request <METHOD>', 'GET unless told, POST with a body')
    .option('-H, --header <LINE>', '“Name: value”; may be given again', collect)
    .option(
      '-d, --data <TEXT>',
      'a form to send, @FILE or @- for stdin, without line ends; more of it are joined by &',
      collect,
    )
    .option('--data-binary <TEXT>', 'a body to send as it is, @FILE or @- for stdin, streamed')
    .option('--json-body <TEXT>', 'the same, as application/json')
    .option('-o, --output <FILE>', 'write the body there')
    .option('-i, --include', 'print the answer’s head too')
    .option('-I, --head', 'ask for the head alone, and print it')
    .option('-f, --fail', 'take an answer of 400 and above for a failure (exit 7), and print none of it')
    .option('--retry-unsafe', 'may be sent again with a new token when the API says that the token has ended')
    .option('--scope <SCOPE>', 'only these of the scopes the account was granted')
    .option('--interaction <never|notify|prompt>', 'whether the person may be asked; prompt unless told')
    .option('--timeout <SECONDS>', 'how long to wait for the person and for a token')
    .option('--reason <TEXT>', 'why, shown to the person')
    .action(async (account: string, place: string, options: FetchOptions) => {
      const { fetchThrough } = await import('./commands/fetch.ts')
      exit(await fetchThrough(session, account, place, options))
    })
}

function addConsent(command: Add, session: Session, exit: (code: number) => void): void {
  command('pair <NAME>', 'pair a program; prints its client token, once')
    .addOption(
      new Option('--kind <KIND>', 'what it is').choices(['script', 'extension', 'agent', 'cli']).default('script'),
    )
    .option('--key <FILE>', 'it signs its requests with the Ed25519 key in this file, which is made if it is not there')
    .addOption(new Option('--timeout <SECONDS>', 'how long to wait for the person').argParser(seconds(600)))
    .action((name: string, options: { readonly kind: ClientKind; readonly key?: string; readonly timeout?: number }) =>
      pairClient(session, name, options),
    )
  command('session <NAME> <COMMAND...>', 'run a command whose processes ask as one, with a client token of its own')
    .addOption(
      new Option('--right <RIGHT>', 'what its processes may do at most').choices(['use', 'read']).default('use'),
    )
    .addOption(new Option('--lifetime <SECONDS>', 'at most eight hours').argParser(seconds(28_800)))
    .option('--as <CLIENT>', 'as this program, whose token is in VALETKEY_CLIENT_TOKEN')
    .action(async (name: string, words: readonly string[], options: ClientSessionOptions) => {
      exit(await runClientSession(session, name, words, options))
    })
  command('clients', 'the programs that are paired').action(() => listClients(session))
  command('consents', 'which program may do what with which account').action(() => listConsents(session))
  command('revoke <CLIENT_OR_ID>', 'take a pairing, a consent, a remembered account or a session back').action(
    (words: string) => revoke(session, words),
  )
  command('requests', 'what is waiting for your answer').action(() => listRequests(session))
  command('approve <ID>', 'say yes, with the code the asking program shows')
    .addOption(
      new Option('--for <HOW_LONG>', 'once unless told').choices(['once', '1h', '8h', 'until-locked', 'always']),
    )
    .addOption(new Option('--right <RIGHT>', 'have the token injected, or be given it').choices(['use', 'read']))
    .option('--account <ACCOUNT>', 'which account, where several fit; remembered for this program')
    .option('--scope <SCOPE>', 'only this much of what it asks for')
    .option('--code <CODE>', 'the code, where there is no terminal to ask on')
    .action((id: string, { json: _json, ...options }: ApproveOptions & { readonly json?: boolean }) =>
      approve(session, id, options),
    )
  command('deny <ID>', 'say no').action((id: string) => deny(session, id))
}

function count(text: string): number {
  const number = Number(text)
  if (/^\d{1,4}$/u.test(text) && number >= 1 && number <= 1000) return number
  throw new InvalidArgumentError('It takes a number from 1 to 1000')
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}

function addNativeHost(command: Add, session: Session): void {
  const host = command('native-host', 'let browser extensions ask, through the browser’s own channel').action(() => {
    showNativeHost(session, {})
  })
  const verb = (
    name: string,
    description: string,
    run: (session: Session, options: NativeHostOptions) => void,
  ): Command =>
    host
      .command(name)
      .description(description)
      .option('--browser <NAME>', 'this one alone; may be given again', collect)
      .option('--json', 'print JSON')
      .action((options: NativeHostOptions) => {
        run(session, options)
      })
  verb('install', 'tell the browsers of this person', installNativeHost).option(
    '--extension-id <ID>',
    'an extension that may use it; may be given again',
    collect,
  )
  verb('uninstall', 'take it back', uninstallNativeHost)
  verb('status', 'where it is installed, and for whom', showNativeHost)
}
