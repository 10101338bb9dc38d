/**
 * Reads source text just far enough to check it: words, strings and punctuation, with comments, regular expressions and
 * the insides of strings out of the way, and from these the modules a file names. The rule: nothing that only looks like
 * code (a comment, a string, a regular expression) is taken for code, and no form of import goes unseen. TypeScript 7
 * has no parser to call, so this is ours.
 */

export interface Token {
  readonly kind: 'word' | 'string' | 'template' | 'regex' | 'mark'
  /** Strings and templates without their quotes; escapes stay as written. */
  readonly text: string
  readonly line: number
}

export interface Import {
  /** `null` when the module's name is computed at run time. */
  readonly specifier: string | null
  /** Erased before the program runs: `import type`, `export type`. */
  readonly typeOnly: boolean
  readonly line: number
}

const word = /[\p{ID_Start}$_#@][\p{ID_Continue}$]*/uy
const number = /\d[\w.]*/uy
/** After these a slash divides; after anything else it opens a regular expression. */
const endsOperand = /^[)\]}]$/u
const wordsBeforeRegex = new Set([
  'return',
  'typeof',
  'case',
  'of',
  'in',
  'do',
  'else',
  'throw',
  'void',
  'await',
  'yield',
])

/** The tokens of one file. Never throws: what is not well formed is taken as punctuation, one character at a time. */
export function tokens(source: string): readonly Token[] {
  const found: Token[] = []
  const lines = lineCounter(source)
  const add = (kind: Token['kind'], text: string, at: number): void => {
    found.push({ kind, text, line: lines(at) })
  }
  /** Brace depth at which each open template's `${` goes back to text. */
  const templates: number[] = []
  let depth = 0
  let at = source.startsWith('#!') ? lineEnd(source, 0) : 0
  while (at < source.length) {
    const here = source.charAt(at)
    const next = source.charAt(at + 1)
    if (/\s/u.test(here)) at++
    else if (here === '/' && next === '/') at = lineEnd(source, at)
    else if (here === '/' && next === '*') at = after(source.indexOf('*/', at + 2), 2, source)
    else if (here === '`' || (here === '}' && templates.at(-1) === depth)) {
      if (here === '}') templates.pop()
      const end = templateEnd(source, at + 1)
      add('template', source.slice(at + 1, end.at), at)
      if (end.opens) templates.push(depth)
      at = end.at + (end.opens ? 2 : 1)
    } else if (here === "'" || here === '"') {
      const end = literalEnd(source, at)
      if (end === null) add('mark', here, at++)
      else {
        add('string', source.slice(at + 1, end), at)
        at = end + 1
      }
    } else if (here === '/' && opensRegex(found.at(-1))) {
      const end = literalEnd(source, at)
      if (end === null) add('mark', here, at++)
      else {
        add('regex', source.slice(at + 1, end), at)
        at = end + 1
      }
    } else {
      const text = matchAt(word, source, at) ?? matchAt(number, source, at)
      if (text === null) {
        if (here === '{') depth++
        if (here === '}') depth--
      }
      add(text === null ? 'mark' : 'word', text ?? here, at)
      at += text?.length ?? 1
    }
  }
  return found
}

/** Every module a file names: static, `import type`, side effect, re-export, `import()`, `require()`, `getBuiltinModule()`. */
export function imports(source: string): readonly Import[] {
  const all = tokens(source)
  return all.flatMap((token, index) => {
    const one = token.kind === 'word' ? named(all, index) : null
    return one ? [{ ...one, line: token.line }] : []
  })
}

type Named = Omit<Import, 'line'>

function named(all: readonly Token[], index: number): Named | null {
  const isMember = is(all[index - 1], '.') || is(all[index + 1], ':')
  switch (all[index]?.text) {
    case 'getBuiltinModule':
      return call(all, index)
    case 'require':
      return isMember ? null : call(all, index)
    case 'import':
    case 'export':
      return isMember ? null : statement(all, index)
    default:
      return null
  }
}

/** An `import` or `export` statement from its first word, or an `import()` call. */
function statement(all: readonly Token[], start: number): Named | null {
  const first = all[start + 1]
  if (first === undefined || is(first, '.')) return null
  const isImport = all[start]?.text === 'import'
  if (isImport && is(first, '(')) return call(all, start)
  if (isImport && first.kind === 'string') return { specifier: first.text, typeOnly: false }
  const typeOnly = first.text === 'type' && first.kind === 'word' && !isFrom(all, start + 2)
  const clause = all[typeOnly ? start + 2 : start + 1]
  if (!isImport && !is(clause, '*') && !is(clause, '{')) return null
  // `export { a }` has no `from`; the clause ends at its brace.
  for (let index = start + 1; index < all.length; index++) {
    const token = all[index]
    if (token === undefined || is(token, '=') || is(token, ';')) return null
    if (isFrom(all, index)) return { specifier: all[index + 1]?.text ?? null, typeOnly }
    if (!isImport && is(token, '}') && !isFrom(all, index + 1)) return null
  }
  return null
}

/** `name('x')` or `name.resolve('x')` with `start` at the name. */
function call(all: readonly Token[], start: number): Named | null {
  const open = is(all[start + 1], '.') ? start + 3 : start + 1
  if (!is(all[open], '(')) return null
  const argument = all[open + 1]
  const isText = argument?.kind === 'string' || argument?.kind === 'template'
  const ends = is(all[open + 2], ')') || is(all[open + 2], ',')
  return { specifier: argument && isText && ends ? argument.text : null, typeOnly: false }
}

function is(token: Token | undefined, mark: string): boolean {
  return token?.kind === 'mark' && token.text === mark
}

function isFrom(all: readonly Token[], index: number): boolean {
  return all[index]?.kind === 'word' && all[index].text === 'from' && all[index + 1]?.kind === 'string'
}

function opensRegex(previous: Token | undefined): boolean {
  if (previous === undefined) return true
  if (previous.kind === 'word') return wordsBeforeRegex.has(previous.text)
  // `</b>` in JSX; no program compares with a regular expression.
  return previous.kind === 'mark' && !endsOperand.test(previous.text) && previous.text !== '<'
}

/** Where the string or regular expression opened at `start` closes; `null` when it does not on its line. */
function literalEnd(source: string, start: number): number | null {
  const quote = source.charAt(start)
  let inClass = false
  for (let at = start + 1; at < source.length; at++) {
    const here = source.charAt(at)
    if (here === '\n') return null
    if (here === '\\') at++
    else if (quote === '/' && here === '[') inClass = true
    else if (quote === '/' && here === ']') inClass = false
    else if (here === quote && !inClass) return at
  }
  return null
}

/** Where a stretch of template text ends: at its backtick, or at a `${` that opens an expression. */
function templateEnd(source: string, start: number): { readonly at: number; readonly opens: boolean } {
  for (let at = start; at < source.length; at++) {
    const here = source.charAt(at)
    if (here === '\\') at++
    else if (here === '`') return { at, opens: false }
    else if (here === '$' && source.charAt(at + 1) === '{') return { at, opens: true }
  }
  return { at: source.length, opens: false }
}

function lineEnd(source: string, start: number): number {
  return after(source.indexOf('\n', start), 1, source)
}

function after(found: number, length: number, source: string): number {
  return found === -1 ? source.length : found + length
}

function matchAt(pattern: RegExp, source: string, at: number): string | null {
  pattern.lastIndex = at
  return pattern.exec(source)?.[0] ?? null
}

/** Line numbers, from 1, of positions asked for in rising order. */
function lineCounter(source: string): (at: number) => number {
  let line = 1
  let counted = 0
  return (at) => {
    for (; counted < at; counted++) if (source.charAt(counted) === '\n') line++
    return line
  }
}
