/**
 * Which variables a command may be given a token in. The rule: pure; a name that decides what runs, how, or whom it trusts
 * is refused, because the provider chooses what a token says; and two tokens never share a name.
 */
import { BrokerError } from '../contract/errors.ts'

/** A variable and the account whose token is in it; without a name it gets one of its label. */
export interface Wish {
  readonly name?: string
  readonly account: string
}

/** What loaders, shells, interpreters, git and ssh, and TLS libraries act on. In capitals: Windows knows no others. */
const governing = [
  /^(?:PATH|PATHEXT|HOME|USER|LOGNAME|USERPROFILE|SHELL|COMSPEC|SYSTEMROOT|WINDIR|TMP|TEMP|TMPDIR|TERM|LANG|LC_\w+|TZ)$/u,
  /^(?:IFS|ENV|BASH_ENV|BASHOPTS|SHELLOPTS|PS4|PROMPT_COMMAND|CDPATH|GLOBIGNORE|ZDOTDIR|EDITOR|VISUAL|PAGER|LESSOPEN|BROWSER)$/u,
  /^(?:LD|DYLD|_RLD|MALLOC|GCONV|XDG|DBUS|NPM_CONFIG|GIT_CONFIG|CORECLR|DOTNET)_?\w*$/u,
  /^(?:GLIBC_TUNABLES|LOCPATH|NLSPATH|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS)$/u,
  /^NODE_(?:OPTIONS|PATH|EXTRA_CA_CERTS|TLS_REJECT_UNAUTHORIZED|REPL_\w+|CHANNEL_\w+|V8_COVERAGE|ICU_DATA)$/u,
  /^(?:PYTHON[A-Z]+|PERL5?(?:LIB|OPT|DB)|RUBY(?:OPT|LIB)|GEM_(?:HOME|PATH)|CLASSPATH|\w*JAVA_(?:TOOL_)?OPTIONS|JAVA_HOME)$/u,
  /^GIT_(?:SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|EDITOR|SEQUENCE_EDITOR|PAGER|EXEC_PATH|PROXY_COMMAND|EXTERNAL_DIFF|TEMPLATE_DIR|DIR|WORK_TREE|ALLOW_PROTOCOL)$/u,
  /^(?:SSH_ASKPASS|SSH_AUTH_SOCK|SUDO_ASKPASS|\w+_PROXY|SSL_CERT_\w+|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|OPENSSL_\w+|ELECTRON_\w+)$/u,
]
/** Ours: what leads a child to the broker is not for a token. */
const ours = /^VALETKEY_(?!TOKEN_)/u

/** What `--env` and `--account` ask for, in their order. Throws `invalid_request` naming what cannot be. */
export function parseWishes(env: readonly string[], accounts: readonly string[]): readonly Wish[] {
  const wishes: readonly Wish[] = [
    ...env.map((word) => {
      const equals = word.indexOf('=')
      if (equals < 1 || equals === word.length - 1)
        throw usage(`--env takes NAME=ACCOUNT, not ${JSON.stringify(word.slice(0, 64))}.`)
      return { name: word.slice(0, equals), account: word.slice(equals + 1) }
    }),
    ...accounts.map((account) => ({ account })),
  ]
  requireNames(wishes.flatMap(({ name }) => (name === undefined ? [] : [name])))
  return wishes
}

/** The name a token gets by its account's label: `VALETKEY_TOKEN_` and the label in capitals. Throws `invalid_request`. */
export function nameForLabel(label: string): string {
  const word = label
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/gu, '_')
    .replaceAll(/^_+|_+$/gu, '')
  if (word !== '') return `VALETKEY_TOKEN_${word}`
  throw usage(`No variable can be named after ${JSON.stringify(label)}; use --env NAME=ACCOUNT.`)
}

/** Throws `invalid_request` for a name that may not hold a token, or that is there twice. */
export function requireNames(names: readonly string[]): void {
  const seen = new Set<string>()
  for (const name of names) {
    const capitals = name.toUpperCase()
    if (!/^[A-Z_][A-Z0-9_]{0,127}$/u.test(capitals))
      throw usage(`${JSON.stringify(name.slice(0, 64))} is no name for a variable: letters, digits and _.`)
    if (ours.test(capitals) || governing.some((pattern) => pattern.test(capitals)))
      throw usage(`A token is not put into ${name}, which decides how programs run; choose another name.`)
    if (seen.has(capitals)) throw usage(`${name} would hold two tokens; name each with --env NAME=ACCOUNT.`)
    seen.add(capitals)
  }
}

function usage(sentence: string): BrokerError {
  return new BrokerError('invalid_request', sentence, { resolve: { command: 'valetkey run --help' } })
}
