/**
 * The commands a person types, as one table of contents. The rule: this file is loaded only for them; it reads words and
 * hands them on, and every wrong word ends in one sentence and what to type instead.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { BrokerError } from '../contract/errors.ts'
import type { ClientKind } from '../contract/model.ts'
import { invalidateToken, listAccounts, unlinkAccount } from './commands/accounts.ts'
import { showActivity } from './commands/activity.ts'
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
import { openSession, type Session } from './commands/session.ts'
import { showConsoleLink, showStatus } from './commands/status.ts'
import { lockVault, unlockVault } from './commands/vault.ts'
import { fail, print, sayPlain } from './output.ts'
import { tokenOptions, wantsJson } from './token-arguments.ts'

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
    return fail(thrown instanceof CommanderError ? usageError(thrown, argv, names(program)) : thrown, json)
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
  addAccounts(command, session)
  addConsent(command, session)
  addNativeHost(command, session)
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
  command('activity', 'what was asked and how it ended')
    .option('--follow', 'go on with what comes')
    .addOption(new Option('--limit <N>', 'how many of the last').argParser(count).default(50))
    .action((options: { readonly follow?: boolean; readonly limit: number }) => showActivity(session, options))
}

function addAccounts(command: Add, session: Session): void {
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
    .option('--username <NAME>', 'for --flow password; the password is asked for, or the next line of stdin')
    .option('--param <name=value>', 'a value the provider wants (valetkey providers show ID)', collect)
    .option('--label <LABEL>', 'what to call the account')
    .option('--account <ACCOUNT>', 'sign this account in again')
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

function addConsent(command: Add, session: Session): void {
  command('pair <NAME>', 'pair a program; prints its client token, once')
    .addOption(
      new Option('--kind <KIND>', 'what it is').choices(['script', 'extension', 'agent', 'cli']).default('script'),
    )
    .action((name: string, options: { readonly kind: ClientKind }) => pairClient(session, name, options))
  command('clients', 'the programs that are paired').action(() => listClients(session))
  command('consents', 'which program may do what with which account').action(() => listConsents(session))
  command('revoke <CLIENT_OR_CONSENT>', 'take a pairing or a consent back').action((words: string) =>
    revoke(session, words),
  )
  command('requests', 'what is waiting for your answer').action(() => listRequests(session))
  command('approve <ID>', 'say yes, with the code the asking program shows')
    .addOption(new Option('--for <HOW_LONG>', 'once unless told').choices(['once', '1h', '8h', 'always']))
    .addOption(new Option('--right <RIGHT>', 'have the token injected, or be given it').choices(['use', 'read']))
    .option('--account <ACCOUNT>', 'which account, where several fit')
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
