/**
 * A fault as the log may have it. The rule: which kind of error and where in our code, never what it says: its message
 * might quote a secret.
 */

/** Code locations told. */
const FRAMES = 3

/** The error's class and where it came from, as `file:line` of the innermost frames. */
export function describeFault(thrown: unknown): Readonly<Record<'name' | 'at', string>> {
  if (!(thrown instanceof Error)) return { name: typeof thrown, at: '' }
  const { name, message, stack = '' } = thrown
  // What follows the message is the engine's; a message may have lines that look like it.
  const end = stack.indexOf(message)
  const frames = (end === -1 ? '' : stack.slice(end + message.length)).split('\n').flatMap((line) => {
    const [, place] = /^\s+at .*?([\w.-]{1,40}:\d{1,6}):\d{1,6}\)?$/u.exec(line) ?? []
    return place === undefined ? [] : [place]
  })
  return { name: /^[A-Za-z]{1,40}$/u.test(name) ? name : 'Error', at: frames.slice(0, FRAMES).join(' ') }
}
