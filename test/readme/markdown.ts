/**
 * The parts of a Markdown page that can be held to their word: fenced blocks, tables, links, code spans. The rule: what
 * this reads is what GitHub shows (CommonMark fences and GFM tables), and what it cannot read it refuses, so that nothing
 * in a page goes unchecked because it was written in an unusual way.
 */

export interface Block {
  /** The first word of the info string; empty when there is none. */
  readonly language: string
  readonly text: string
  /** Of the opening fence, from 1. */
  readonly line: number
}

/** One command of a block and, in a transcript, what it prints. */
export interface Step {
  readonly command: string
  /** `null` where the page shows no output. */
  readonly output: readonly string[] | null
}

/** All fenced blocks. Throws for one that is not closed, or indented so that it may be none. */
export function blocksOf(page: string): readonly Block[] {
  const blocks: Block[] = []
  let open: { readonly language: string; readonly line: number; readonly lines: string[] } | undefined
  for (const [index, line] of page.split('\n').entries()) {
    if (/^\s+(?:```|~~~)|^~~~/u.test(line))
      throw new Error(`line ${String(index + 1)}: fences are \`\`\` at the margin`)
    if (!line.startsWith('```')) open?.lines.push(line)
    else if (open) {
      blocks.push({ language: open.language, text: open.lines.join('\n'), line: open.line })
      open = undefined
    } else open = { language: line.slice(3).trim().split(/\s/u)[0] ?? '', line: index + 1, lines: [] }
  }
  if (open) throw new Error(`line ${String(open.line)}: the block is not closed`)
  return blocks
}

/** The commands of a shell block (`sh`: bare lines; `console`: lines after `$ `, continued after `> `). */
export function stepsOf({ language, text, line }: Block): readonly Step[] {
  if (language === 'sh') return joined(text.split('\n')).map((command) => ({ command, output: null }))
  const steps: { command: string; output: string[] }[] = []
  for (const words of text.split('\n')) {
    const last = steps.at(-1)
    if (words.startsWith('$ ')) steps.push({ command: words.slice(2), output: [] })
    else if (!last) throw new Error(`the transcript at line ${String(line)} does not begin with a command`)
    else if (words.startsWith('> ') && last.output.length === 0) last.command += `\n${words.slice(2)}`
    else last.output.push(words)
  }
  return steps
}

/** Lines, with those that go on (`\` or `|` at the end, a here-document) in one; without empty lines and comments. */
function joined(lines: readonly string[]): readonly string[] {
  const commands: string[] = []
  let going = false
  /** The word that ends a here-document, while one is open. */
  let end: string | undefined
  for (const line of lines) {
    if (end !== undefined) {
      commands.push(`${commands.pop() ?? ''}\n${line}`)
      if (line === end) end = undefined
      continue
    }
    end = /<<'(\w+)'/u.exec(line)?.[1]
    const bare = line.replace(/(?:^|\s+)#\s.*$/u, '')
    if (going) commands.push(`${commands.pop() ?? ''}\n${bare}`)
    else if (bare.trim() !== '') commands.push(bare)
    going = /[\\|]$/u.test(bare)
  }
  return commands
}

/** The page without its fenced blocks. */
export function prose(page: string): string {
  return page.replaceAll(/^```.*?^```$/gmsu, '')
}

/** The rows, header first, of the table whose first header cell is `first`. Throws when there is none, or more than one. */
export function tableOf(page: string, first: string): readonly (readonly string[])[] {
  const tables = prose(page)
    .split(/\n{2,}/u)
    .map((paragraph) => paragraph.split('\n').filter((line) => line.startsWith('|')))
    .filter((lines) => lines.length > 2)
    .map((lines) => lines.filter((_, index) => index !== 1).map(cells))
    .filter(([header]) => header?.[0] === first)
  if (tables.length !== 1) throw new Error(`${String(tables.length)} tables begin with a column “${first}”`)
  return tables[0] ?? []
}

/** The first cell of every row below that header, without backticks. */
export function columnOf(page: string, first: string): readonly string[] {
  return tableOf(page, first)
    .slice(1)
    .map(([cell]) => plain(cell))
}

function cells(row: string): readonly string[] {
  return row
    .replace(/^\||\|\s*$/gu, '')
    .split(/(?<!\\)\|/u)
    .map((cell) => cell.trim().replaceAll('\\|', '|'))
}

/** A cell without its backticks. */
export function plain(cell: string | undefined): string {
  return (cell ?? '').replaceAll('`', '').trim()
}

/** Everything in backticks outside blocks. */
export function codeSpans(page: string): readonly string[] {
  return [...prose(page).matchAll(/`([^`]+)`/gu)].map(([, text = '']) => text.replaceAll('\n', ' '))
}

/** Where the links lead that do not lead to another site. */
export function ownLinks(page: string): readonly string[] {
  return [...prose(page).matchAll(/\]\(([^)\s]+)\)/gu)]
    .map(([, target = '']) => target)
    .filter((target) => !target.startsWith('https://'))
}

/** The fragments that headings have on GitHub. */
export function anchorsOf(page: string): readonly string[] {
  return [...prose(page).matchAll(/^#{1,6} (.+)$/gmu)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  )
}
