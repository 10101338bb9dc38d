/**
 * The checks behind test/architecture.test.ts, as pure functions from files to violations. The rule: a file in no row of
 * the table, a module in no list and a search that found nothing are violations like any other, so no gap passes for a
 * clean result.
 */
import { builtinModules } from 'node:module'
import { posix } from 'node:path'
import { imports, tokens, type Import, type Token } from './source.ts'

/** A file of ours; `path` is relative to the checkout, with slashes. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** What the files of one folder may import besides each other. */
export interface Row {
  /** Folders or single files of ours. */
  readonly ours: readonly string[]
  /** Folders or single files of ours, for `import type` alone. */
  readonly types?: readonly string[]
  readonly packages: readonly string[] | 'any'
  /** Built-in modules without `node:`. */
  readonly node: readonly string[] | 'any'
}

/** Rows by folder; the longest folder a path lies in is its row. */
export type Table = Readonly<Record<string, Row>>

export type Violation = string

const builtins = new Set(builtinModules.map((name) => name.replace(/^node:/u, '')))

/** Every import the table does not allow, every file it does not know, and its silence when there are no files. */
export function forbiddenImports(files: readonly SourceFile[], table: Table): readonly Violation[] {
  if (files.length === 0) return ['no files were found to check']
  return files.flatMap((file) => {
    const folder = rowOf(file.path, table)
    const row = folder === undefined ? undefined : table[folder]
    if (folder === undefined || row === undefined) return [`${file.path} lies in no folder of the table`]
    return imports(file.text).flatMap((one) => {
      const problem = forbidden(one, file.path, folder, row, table)
      return problem === null ? [] : [`${file.path}:${String(one.line)} ${problem}`]
    })
  })
}

function forbidden(one: Import, path: string, folder: string, row: Row, table: Table): string | null {
  const { specifier } = one
  if (specifier === null) return 'imports a module whose name is computed'
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier.replace(/\?.*$/u, ''))
    if (rowOf(target, table) === folder || row.ours.some((allowed) => within(target, allowed))) return null
    if (one.typeOnly && row.types?.some((allowed) => within(target, allowed))) return null
    return `${folder} may not import ${target}`
  }
  if (/^[/#]/u.test(specifier) || (specifier.includes(':') && !specifier.startsWith('node:')))
    return `names ${specifier}, which is neither relative, nor node:, nor a package`
  const name = specifier.replace(/^node:/u, '')
  if (specifier.startsWith('node:') || builtins.has(name)) {
    if (name === specifier) return `imports ${specifier} without node:`
    return row.node === 'any' || row.node.includes(name) ? null : `${folder} may not import ${specifier}`
  }
  const packageName = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  return row.packages === 'any' || row.packages.includes(packageName)
    ? null
    : `${folder} may not import the package ${packageName}`
}

/** Packages the program depends on that no row mentions. */
export function unplacedPackages(dependencies: readonly string[], table: Table): readonly Violation[] {
  const placed = new Set(Object.values(table).flatMap((row) => (row.packages === 'any' ? [] : row.packages)))
  return dependencies.filter((name) => !placed.has(name)).map((name) => `the package ${name} is in no row of the table`)
}

/** A rule about the tokens of a file: what it says is wrong, or `null`, at each token. */
export type TokenRule = (all: readonly Token[], index: number) => string | null

/** Every token of every file that breaks the rule. */
export function brokenTokens(files: readonly SourceFile[], rule: TokenRule): readonly Violation[] {
  if (files.length === 0) return ['no files were found to check']
  return files.flatMap((file) => {
    const all = tokens(file.text)
    return all.flatMap((token, index) => {
      const problem = rule(all, index)
      return problem === null ? [] : [`${file.path}:${String(token.line)} ${problem}`]
    })
  })
}

/**
 * Refuses names in code: `a` is the bare word or `globalThis.a`, not a member of anything else; `a.b` that member of that object; `a.*` any member of it;
 * `.b` that member of anything; `new a()` the constructor without arguments.
 */
export function names(...refused: readonly string[]): TokenRule {
  const patterns = new Set(refused)
  return (all, index) => {
    const token = all[index]
    if (token?.kind !== 'word') return null
    const dot = (at: number): boolean => all[at]?.kind === 'mark' && all[at].text === '.'
    const owner = dot(index - 1) ? (all[index - 2]?.text ?? '') : 'globalThis'
    const isKey = all[index + 1]?.text === ':' && all[index - 1]?.text !== '?'
    const member = dot(index - 1) ? [`.${token.text}`, `${owner}.${token.text}`, `${owner}.*`] : []
    const candidates = owner === 'globalThis' && !isKey ? [...member, token.text] : member
    if (all[index - 1]?.text === 'new' && all[index + 1]?.text === '(' && all[index + 2]?.text === ')')
      candidates.push(`new ${token.text}()`)
    const hit = candidates.find((candidate) => patterns.has(candidate))
    return hit === undefined ? null : `uses ${hit}`
  }
}

/** Refuses these texts as string literals, object keys included. */
export function literals(refused: ReadonlySet<string>): TokenRule {
  return (all, index) => {
    const token = all[index]
    if (token === undefined) return null
    const isKey = token.kind === 'word' && all[index + 1]?.text === ':'
    const isText = token.kind === 'string' || token.kind === 'template' || isKey
    return isText && refused.has(token.text) ? `knows ${token.text} by name` : null
  }
}

/** `export default`, and `export { x as default }`. */
export const defaultExport: TokenRule = (all, index) =>
  all[index]?.kind === 'word' && all[index].text === 'default' && /^(?:export|as)$/u.test(all[index - 1]?.text ?? '')
    ? 'has a default export'
    : null

/** Files that do not open with a documentation block (after a shebang, if there is one). */
export function withoutOpening(files: readonly SourceFile[]): readonly Violation[] {
  if (files.length === 0) return ['no files were found to check']
  return files
    .filter(({ text }) => !/^(?:#![^\n]*\n)?\/\*\*[\s*]*[^\s*/][\s\S]*?\*\//u.test(text))
    .map(({ path }) => `${path} does not open with a paragraph saying what it is for`)
}

/** Files of more than `most` lines. */
export function tooLong(files: readonly SourceFile[], most: number): readonly Violation[] {
  if (files.length === 0) return ['no files were found to check']
  return files.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split('\n').length
    return lines > most ? [`${path} has ${String(lines)} lines; ${String(most)} is the most`] : []
  })
}

function rowOf(path: string, table: Table): string | undefined {
  return Object.keys(table)
    .filter((folder) => within(path, folder))
    .toSorted((a, b) => b.length - a.length)[0]
}

/** `folder` may be a file; `.` holds what lies directly at the top. */
function within(path: string, folder: string): boolean {
  return folder === '.' ? !path.includes('/') : path === folder || path.startsWith(`${folder}/`)
}
