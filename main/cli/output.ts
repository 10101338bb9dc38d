/**
 * How the command line speaks, and the only file that writes to the terminal. THE STYLE:
 *
 *   - results go to stdout, alone and complete, so that `$(valetkey token x)` is the token; words go to stderr
 *   - a notice is one line that begins with `valetkey: `; what broke is a sentence; what to do is a line of its own
 *     below it, `run: COMMAND`, `open: URL`, `code: 123-456` or `wait: 5 s`, so that it can be copied
 *   - with `--json` a result is one line of JSON on stdout, the API's answer as it came; a refusal is the API's error
 *     body, one line of JSON on stderr, and stdout stays empty
 *   - the exit status is the error's, from one table; never a guess
 *   - no colour but on a terminal that has not said NO_COLOR; no symbols; nothing blinks or redraws
 *
 * The rule: text that others chose (labels, names, reasons, errors of a provider) is neutralised before it is shown.
 */
import { writeSync } from 'node:fs'
import { asBrokerError, errorTable, type BrokerError, type Resolve } from '../contract/errors.ts'
import { bodyWithStep, nextStep } from './next-step.ts'

/** Writes one result line to stdout. */
export function print(line: string): void {
  write(1, `${line}\n`)
}

/** Writes a value as the one line of JSON a `--json` result is. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value))
}

/** Writes bytes of a result to stdout as they are; returns when they have been taken. */
export function printBytes(bytes: Buffer): void {
  write(1, bytes)
}

/** Writes words for the person to stderr. */
export function say(line: string): void {
  write(2, `valetkey: ${line}\n`)
}

/** Writes a line of its own to stderr: something to copy, or one line of JSON. */
export function sayPlain(line: string): void {
  write(2, `${line}\n`)
}

/** Says what went wrong and what to do about it, in `command` if it is known; gives the exit status for it. */
export function fail(thrown: unknown, json: boolean, command?: string): number {
  const error = asBrokerError(thrown)
  if (json) sayPlain(JSON.stringify(bodyWithStep(error, command)))
  else for (const line of describe(error, nextStep(error, command))) sayPlain(line)
  return errorTable[error.code].exit
}

/** The lines a refusal is shown as: the sentence, the choices there are, and each thing to do on a line of its own. */
export function describe(error: BrokerError, next: Resolve = {}): readonly string[] {
  const { command, url, code } = error.resolve ?? next
  const choices = error.candidates ?? []
  return [
    `valetkey: ${neutralise(error.message)}`,
    ...choices.map(({ id, label, provider }) => `  ${neutralise(id)}  ${neutralise(label)}  (${neutralise(provider)})`),
    ...(code === undefined ? [] : [`code: ${neutralise(code)}`]),
    ...(url === undefined ? [] : [`open: ${neutralise(url)}`]),
    ...(command === undefined ? [] : [`run: ${neutralise(command)}`]),
    ...(error.retry_after === undefined ? [] : [`wait: ${String(error.retry_after)} s`]),
  ]
}

/**
 * `text` on one line, with everything spelt out as `\u{...}` that can act on a terminal or lie about reading order: control
 * characters (ANSI sequences begin with one), bidirectional controls, invisible characters, line and paragraph separators,
 * language tags, and halves of surrogate pairs.
 */
export function neutralise(text: string): string {
  // Here and not outside: making this expression takes longer than printing a token.
  const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u2028\u2029\u115f\u1160\u3164\uffa0]/gu
  return text.replace(unsafe, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/** Whether `descriptor` may be given colour (https://no-color.org). */
export function mayColour(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  return isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}

/** Synchronous, because the process ends right after; and without `process.stdout`, whose streams take a while to load. */
function write(descriptor: 1 | 2, data: string | Buffer): void {
  let rest = Buffer.from(data)
  while (rest.length > 0)
    try {
      rest = rest.subarray(writeSync(descriptor, rest))
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException
      // A pipe somebody made non-blocking and has not read yet.
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
      // The reader has gone: end like a program that SIGPIPE ended.
      else process.exit(141)
    }
}
