/**
 * The other names this program is called by. The rule: a name is a link to this program and says which command was meant,
 * so that programs that look for a helper of theirs by its name (git-credential-NAME, docker-credential-NAME) find one.
 */

/** The words that stand for the name in `path`, by which this program was started; none for its own. */
export function wordsOfName(path: string): readonly string[] {
  const [, tool] = /(?:^|[\\/])(git|docker)-credential-valetkey(?:\.exe)?$/u.exec(path) ?? []
  return tool === undefined ? [] : ['credential', tool]
}
