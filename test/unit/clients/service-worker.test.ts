/** The library for browser extensions as it is built: how large it is, what it needs, and that it needs nothing of Node. */
import { readFileSync, readdirSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { imports } from '../../setup/source.ts'

const root = resolve(import.meta.dirname, '../../..')
const folder = join(root, 'dist/clients/js')

describe('the built entry for service workers', () => {
  const built = readFileSync(join(folder, 'service-worker.js'))

  it('is one file of less than 6 kB', () => {
    expect(readdirSync(folder)).toEqual(['service-worker.js'])
    expect(built.length).toBeLessThan(6_000)
    expect(built.length).toBeGreaterThan(1_000)
  })

  it('imports nothing, of Node or of anybody', () => {
    const text = built.toString('utf8')
    expect(imports(text)).toEqual([])
    expect(text).not.toMatch(/\b(?:require|process|Buffer|__dirname)\b|node:/u)
  })

  it('exports what its source does', () => {
    const [, exported = ''] = /\bexport\s*\{([^}]*)\}/u.exec(built.toString('utf8')) ?? []
    const names = Array.from(exported.matchAll(/\bas (\w+)/gu), ([, name = '']) => name)
    expect(new Set(names)).toEqual(new Set(['ValetkeyError', 'connect']))
  })
})

describe('its sources', () => {
  /** Every file reached from `path`, and every module that is none of ours. */
  function reach(path: string, files = new Set<string>(), foreign: string[] = []): [Set<string>, string[]] {
    if (files.has(path)) return [files, foreign]
    files.add(path)
    for (const { specifier, typeOnly } of imports(readFileSync(path, 'utf8')))
      if (typeOnly) continue
      else if (specifier?.startsWith('.')) reach(join(dirname(path), specifier), files, foreign)
      else foreign.push(specifier ?? '')
    return [files, foreign]
  }

  it('reach no module but ours', () => {
    const [files, foreign] = reach(join(root, 'clients/js/service-worker.ts'))
    expect([...files].some((file) => file.endsWith('http.ts'))).toBe(true)
    expect(foreign).toEqual([])
  })

  it('and the entry for Node shows that this would be seen', () => {
    const [, foreign] = reach(join(root, 'clients/js/index.ts'))
    expect(foreign).toContain('node:http')
    expect(builtinModules).toContain('http')
  })
})
