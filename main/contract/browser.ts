/**
 * Which programs may show a URL to the person, in the order to try them. The rule: pure, and the URL is always one
 * argument of its own, so that nothing in it can become a second one or reach a shell.
 */

/** A program and its arguments. */
export type CommandLine = readonly [program: string, ...rest: string[]]

/** Anything but a web address could be an option, a file or another program's scheme. */
export function isWebAddress(url: string): boolean {
  return /^https?:\/\/[^\s\p{Cc}]+$/u.test(url)
}

/**
 * What to try, in order: the commands in `$BROWSER` (a list separated by colons, semicolons on Windows; `%s` is where
 * the address goes, the end where there is none; as xdg-open reads it), then what the OS opens addresses with.
 */
export function browserCommands(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
  platform: string,
): readonly CommandLine[] {
  const own = (env['BROWSER'] ?? '').split(platform === 'win32' ? ';' : ':').map(splitWords)
  return [...own, openerOf(platform)].flatMap(([program, ...rest]): readonly CommandLine[] => {
    if (program === undefined) return []
    const placed = rest.some((word) => word.includes('%s'))
    return [[program, ...rest.map((word) => word.replaceAll('%s', () => url)), ...(placed ? [] : [url])]]
  })
}

function openerOf(platform: string): readonly string[] {
  if (platform === 'darwin') return ['open']
  return platform === 'win32' ? ['rundll32.exe', 'url.dll,FileProtocolHandler'] : ['xdg-open']
}

/** Words separated by spaces; single and double quotes hold one together. */
function splitWords(text: string): readonly string[] {
  return [...text.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/gu)].map(([word]) =>
    word.replaceAll(
      /"([^"]*)"|'([^']*)'/gu,
      (_all, double: string | undefined, single: string | undefined) => double ?? single ?? '',
    ),
  )
}
