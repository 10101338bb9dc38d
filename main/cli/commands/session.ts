/**
 * What every managing command is given, and how each of them ends. The rule: a command throws or returns; only here is
 * that turned into an exit status, so that no command can forget to say why it failed.
 */
import type { WindowApi } from '../../contract/window-api.ts'
import { callControl, type ValueOf } from '../control-call.ts'
import { print, printJson } from '../output.ts'
import { Input } from '../terminal.ts'

export interface Session {
  readonly env: NodeJS.ProcessEnv
  readonly json: boolean
  readonly input: Input
  /** A call of window-api. */
  decide<Name extends keyof WindowApi>(
    name: Name,
    argument?: Parameters<WindowApi[Name]>[0],
    wait?: number,
  ): Promise<ValueOf<Name>>
}

export function openSession(json: boolean): Session {
  const { env } = process
  return {
    env,
    json,
    input: new Input(),
    decide: (name, argument, wait) => callControl(env, name, argument, wait),
  }
}

/** A result in the form that was asked for: JSON as the API gave it, or lines for a person. */
export function show(session: Session, value: unknown, lines: () => readonly string[] | undefined): void {
  if (session.json) printJson(value)
  else for (const line of lines() ?? []) print(line)
}
