/**
 * The processes of a measurement: children that answer questions, whole programs that are timed, and the processor each
 * of them runs on. The rule: every side of a comparison runs on this same Node, on the same processor as its baseline and
 * on another than what drives it; what is started here is ended here, by its own handle.
 */
import { fork, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

export interface Process<Question, Answer> {
  readonly pid: number
  /** One question at a time. Throws what the child threw, as a sentence. */
  ask(question: Question): Promise<Answer>
  stop(): Promise<void>
}

/** Where the servers of a comparison run, and where what drives them does. */
export type Place = 'server' | 'driver'

/** Starts one of `processes/` and waits until it listens to us. */
export function startProcess<Question, Answer>(name: string, place: Place): Promise<Process<Question, Answer>> {
  return attend(fork(join(import.meta.dirname, 'processes', name), { execArgv: [], stdio: 'inherit' }), place)
}

/** The same with a function that needs nothing around it, run as plain JavaScript by an otherwise empty Node. */
export function startCode<Question, Answer>(program: () => void, place: Place): Promise<Process<Question, Answer>> {
  const code = `(${program.toString()})()`
  return attend(spawn(process.execPath, ['-e', code], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] }), place)
}

async function attend<Question, Answer>(child: ChildProcess, place: Place): Promise<Process<Question, Answer>> {
  const { pid = 0 } = child
  try {
    await answerOf(child)
    pin(pid, place)
  } catch (thrown) {
    child.kill()
    throw thrown
  }
  return {
    pid,
    ask: async (question) => {
      const answered = answerOf(child)
      child.send(question as object)
      const answer = (await answered) as { readonly value: Answer; readonly error?: string }
      if (answer.error !== undefined) throw new Error(answer.error)
      return answer.value
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      child.off('message', onMessage).off('exit', onExit).off('error', onError)
    }
    const onError = (cause: Error): void => {
      done()
      reject(cause)
    }
    const onMessage = (message: unknown): void => {
      done()
      resolve(message)
    }
    const onExit = (code: number | null): void => {
      done()
      reject(new Error(`a measuring process ended (${String(code)})`))
    }
    child.on('message', onMessage).on('exit', onExit).on('error', onError)
  })
}

const cores = availableParallelism()
const taskset = 'taskset'
const canPin = cores > 1 && spawnSync(taskset, ['--version']).status === 0

export const pinning = canPin ? 'servers on processor 0, what drives them on the others' : 'not pinned'

/** Binds every thread of a process to its place; without `taskset` or with one processor nothing is bound, on no side. */
export function pin(pid: number, place: Place): void {
  if (!canPin) return
  const list = place === 'server' ? '0' : `1-${String(cores - 1)}`
  // A thread that ends while taskset walks through them all makes it fail; the next walk does not meet it any more.
  for (let attempt = 1; ; attempt++) {
    const { status, stderr } = spawnSync(taskset, ['--all-tasks', '--cpu-list', '--pid', list, String(pid)])
    if (status === 0) return
    if (attempt === 10) throw new Error(`cannot pin process ${String(pid)}: ${stderr.toString()}`)
  }
}

/** The milliseconds from the start of a program, given `input`, to its end, and what it printed. Throws when it does not end well. */
export function timeProgram(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input = '',
): { readonly ms: number; readonly stdout: string } {
  const started = performance.now()
  const { status, stdout, stderr } = spawnSync(file, args, { env, input, encoding: 'utf8' })
  const ms = performance.now() - started
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${String(status)}: ${stderr}`)
  return { ms, stdout }
}

/** Node with nothing to do: the floor under every program that runs on it. */
export function timeEmptyNode(env: NodeJS.ProcessEnv): number {
  return timeProgram(process.execPath, ['-e', '0'], env).ms
}

/** Runs a command to its end without blocking us. Throws with what it said when it does not end well. */
export async function runProgram(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => said.push(text))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${file} ended with ${String(code)}: ${said.join('')}`)
  return said.join('')
}
