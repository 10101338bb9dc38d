/**
 * Which extension started us. The rule: the browser says so in the arguments and enforces its own list; we hold what it
 * says against the list the person made when they installed the host, and whoever is not on it gets no answer at all.
 */
import { readPrivateFile } from '../cli/trust.ts'
import { list, object, text } from '../contract/parse.ts'

/** Chrome and its kin name an extension by its origin. */
const CHROME = /^chrome-extension:\/\/([a-p]{32})\/$/u
/** Mozilla's names are of the extension's choosing: an address or a UUID in braces. */
const MOZILLA = /^[\w.@{}-]{1,80}$/u

const parseList = object({ extensions: list(text(128), 256) })

/**
 * The extension's id from the arguments: `chrome-extension://ID/`, on Windows followed by `--parent-window=N`; or the
 * manifest's path followed by the id (Firefox). `undefined` for anything else.
 */
export function callerOf(words: readonly string[]): string | undefined {
  const [first = '', second, ...more] = words
  const chrome = CHROME.exec(first)?.[1]
  if (chrome !== undefined)
    return more.length === 0 && (second === undefined || /^--parent-window=\d+$/u.test(second)) ? chrome : undefined
  return first.endsWith('.json') && second !== undefined && MOZILLA.test(second) && more.length === 0
    ? second
    : undefined
}

/** Whether the person has let this extension use the host; `file` is the list. Throws `invalid_request` for a damaged one. */
export function isAllowed(extension: string, file: string): boolean {
  const listed = readPrivateFile(file)
  return listed !== null && parseList(JSON.parse(listed), 'native-host.json').extensions.includes(extension)
}
