/**
 * The commands that give tokens to programs people already have, as words. The rule: what they do is loaded when one of
 * them is called; here stands only what they can be told.
 */
import { type Command, type CommanderError, InvalidArgumentError, Option } from 'commander'
import { BrokerError } from '../contract/errors.ts'
import type { CredentialOptions } from './commands/credential.ts'
import type { RunOptions } from './commands/run.ts'
import type { Session } from './commands/session.ts'

type Add = (usage: string, description: string) => Command

/** Adds `run` and `credential`; `exit` takes a command's exit status. */
export function addTools(command: Add, session: Session, exit: (code: number) => void): void {
  const run = command('run <COMMAND...>', 'run a command with tokens in its environment; put -- before it')
    .option('--env <NAME=ACCOUNT>', 'this account’s token in this variable; may be given again', collect)
    .option('--account <ACCOUNT>', 'its token in VALETKEY_TOKEN_<LABEL>; may be given again', collect)
    .action(async (words: readonly string[], options: RunOptions) => {
      const { runCommand } = await import('./commands/run.ts')
      exit(await runCommand(session, words, options))
    })
  addAsking(run).exitOverride(explainDashes)

  const credential = command('credential', 'what git, Docker and kubectl ask their helpers')
    .allowExcessArguments()
    .action(() => {
      throw new BrokerError('invalid_request', 'Whose helper? Say git, docker or kubectl.')
    })
  const helper = (usage: string, description: string): Command =>
    addAsking(
      credential
        .command(usage)
        .description(description)
        .option('--account <ACCOUNT>', 'this account, where several fit')
        .option('--json', 'print errors as JSON'),
    )
  const forServers = (usage: string, description: string): Command =>
    helper(usage, description)
      .option('--host <HOST[:PORT]>', 'a server that may have the account’s token too; may be given again', collect)
      .option('--username <NAME>', 'the user name the server wants beside it')
  forServers('git <ACTION>', 'git’s helper: get, store, erase').action(
    async (action: string, options: CredentialOptions) => {
      const { credentialGit } = await import('./commands/credential.ts')
      exit(await credentialGit(session, action, options))
    },
  )
  forServers('docker <ACTION>', 'Docker’s helper: get, store, erase, list').action(
    async (action: string, options: CredentialOptions) => {
      const { credentialDocker } = await import('./commands/credential.ts')
      exit(await credentialDocker(session, action, options))
    },
  )
  helper('kubectl', 'an exec plugin for kubeconfig: prints an ExecCredential').action(
    async (options: CredentialOptions) => {
      const { credentialKubectl } = await import('./commands/credential.ts')
      await credentialKubectl(session, options)
    },
  )
}

/** An option of the command that is run, taken for ours, is what people get wrong here. */
function explainDashes(error: CommanderError): never {
  if (error.code !== 'commander.unknownOption') throw error
  const word = /'(.*)'/su.exec(error.message)?.[1] ?? 'That'
  throw new BrokerError(
    'invalid_request',
    `${word} is no option of run; if it is the command’s own, put -- before the command.`,
    { resolve: { command: 'valetkey run --help' } },
  )
}

/** What every command that asks for a token can be told, as `valetkey token` can. */
function addAsking(command: Command): Command {
  return command
    .option('--scope <SCOPE>', 'only these of the scopes the account was granted, space separated')
    .option('--resource <URI>', 'the API the token is for (RFC 8707)')
    .option('--audience <NAME>', 'the audience the token is for, where the provider wants one')
    .addOption(new Option('--min-valid <SECONDS>', 'how long it should still be good').argParser(seconds(31_536_000)))
    .addOption(
      new Option('--interaction <HOW>', 'whether the person may be asked').choices(['never', 'notify', 'prompt']),
    )
    .addOption(new Option('--timeout <SECONDS>', 'how long to wait for them').argParser(seconds(600)))
    .option('--as <CLIENT>', 'ask as this paired client, with its token in VALETKEY_CLIENT_TOKEN')
}

/** Reads whole seconds, `most` at most. */
export function seconds(most: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,9}$/u.test(text) && Number(text) <= most) return Number(text)
    throw new InvalidArgumentError(`It takes whole seconds from 0 to ${String(most)}`)
  }
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}
