/**
 * Who may import whom, packages included, and the other rules of the house that a program can check. The rule: every
 * check runs over files that were found, and every check is shown to fail on a planted violation.
 */
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  brokenTokens,
  defaultExport,
  forbiddenImports,
  literals,
  names,
  tooLong,
  unplacedPackages,
  withoutOpening,
  type SourceFile,
  type Table,
  type Violation,
} from './setup/architecture.ts'

const contract = 'main/contract'
const ports = ['main/broker/ports.ts', 'main/broker/api-call.ts', 'main/broker/secret.ts']
const inner = [contract, 'main/broker', 'main/oauth', 'main/providers', 'main/vault', 'main/endpoint']

/** What the daemon has that is no daemon's in particular: the desktop host is the same broker with windows. */
const shared = ['clock', 'command-line', 'console-assets', 'log', 'preferences'].map((name) => `main/daemon/${name}.ts`)

/** How a broker is found, proved and asked: the native-messaging host is a caller like the command line. */
const callers = ['broker-call', 'place', 'trust'].map((name) => `main/cli/${name}.ts`)

/** Definitions are judged without a broker by `valetkey providers validate`: loaded for it alone, and it decides nothing. */
const judged = ['main/providers/library.ts']

/** Servers of the command line's own (metadata, MCP) keep the endpoint's rules: pure functions, and who is at the other end. */
const guards = ['main/endpoint/http-guard.ts', 'main/daemon/console-peer.ts']

/** Dependencies point one way: contract <- broker <- what serves it <- the hosts. Files of one folder see each other. */
const table: Table = {
  'main/contract': { ours: [], packages: [], node: [] },
  'main/broker': { ours: [contract], packages: [], node: ['crypto', 'util'] },
  'main/providers': { ours: [contract], types: ports, packages: ['yaml'], node: 'any' },
  'main/oauth': { ours: [contract, ...ports, 'main/providers'], packages: ['openid-client'], node: 'any' },
  'main/vault': { ours: [contract, ...ports], packages: ['@napi-rs/keyring'], node: 'any' },
  'main/endpoint': { ours: [contract, 'main/broker'], packages: [], node: 'any' },
  'main/desktop': {
    ours: [...inner, ...shared],
    packages: ['electron', 'electron-store', 'electron-updater'],
    node: 'any',
  },
  'main/desktop/package': {
    ours: [],
    packages: ['@electron/fuses', 'electron', 'electron-builder', 'postject'],
    node: 'any',
  },
  'main/daemon': { ours: inner, packages: ['conf'], node: 'any' },
  'main/cli': {
    ours: [contract, ...judged, ...guards],
    packages: ['@modelcontextprotocol/sdk', 'commander', 'uqr'],
    node: 'any',
  },
  'main/native-host': { ours: [contract, ...callers], packages: [], node: 'any' },
  preload: { ours: [contract], packages: ['electron'], node: [] },
  renderer: { ours: [contract], packages: ['react', 'react-dom'], node: [] },
  'clients/js': { ours: [], types: [contract], packages: [], node: 'any' },
  'clients/browser-extension': { ours: ['clients/js/service-worker.ts'], packages: [], node: [] },
  test: { ours: ['main', 'preload', 'renderer', 'clients', 'bench'], packages: 'any', node: 'any' },
  bench: { ours: ['main', 'clients', 'test'], packages: 'any', node: 'any' },
  '.': { ours: [], packages: 'any', node: 'any' },
}

/** The only places that print; everything else in `main` logs through a port or answers its caller. */
const mayPrint = ['main/cli/output.ts', 'main/daemon/index.ts', 'main/daemon/log.ts']

/** Names of public protocols, not of providers, that happen to be provider ids too: file, then the ids it may say. */
const protocolNames: Readonly<Record<string, readonly string[]>> = {
  'main/cli/servers.ts': ['google'],
  'main/cli/commands/metadata.ts': ['google'],
}

/** Besides the folders of the design: what tools insist on finding at the top. */
const topLevel = [
  ...['package.json', 'tsconfig.json', 'electron-builder.yml', 'README.md', 'LICENSE', 'CHANGELOG.md'],
  ...['main', 'preload', 'renderer', 'test', 'clients', 'bench', 'docs'],
  ...['package-lock.json', 'vite.config.ts', '.ci', '.editorconfig', '.gitattributes', '.gitignore', '.github'],
  ...['.oxlintrc.json', '.prettierignore', '.prettierrc.json', '.npmrc', '.nvmrc', '.node-version'],
]
/** What git ignores. */
const untracked = /^(?:\.git|node_modules|dist|coverage|\.DS_Store|.*\.tgz|.*\.log)$/u

const root = resolve(import.meta.dirname, '..')
const files: readonly SourceFile[] = globSync('**/*.{ts,tsx,mts,cts,js,jsx,mjs,cjs}', {
  cwd: root,
  exclude: (path) => /^(?:node_modules|dist|coverage|\.git)$/u.test(basename(path)),
})
  .map((path) => path.replaceAll('\\', '/'))
  .toSorted()
  .map((path) => ({ path, text: readFileSync(resolve(root, path), 'utf8') }))

const of = (...folders: readonly string[]): readonly SourceFile[] =>
  files.filter(({ path }) => folders.some((folder) => path.startsWith(`${folder}/`)))
const product = of('main', 'preload', 'renderer', 'clients')
const tests = of('test').filter(({ path }) => path.endsWith('.test.ts'))

const providerIds = globSync('main/providers/**/*.{yaml,yml}', { cwd: root }).map((path) =>
  basename(path).replace(/\.ya?ml$/u, ''),
)

const printing = names('console.*')
const notPure = names(
  ...['Math.random', 'Date.now', 'new Date()', 'performance.now', 'setTimeout', 'setInterval', 'AbortSignal.timeout'],
  ...['randomBytes', 'randomUUID', 'randomInt', '.randomUUID', '.getRandomValues', 'process.*', 'fetch'],
)
const leftOut = names('.skip', '.only', '.todo', '.skipIf', '.runIf', '.fails')

const planted = (path: string, text: string): readonly SourceFile[] => [{ path, text }]

describe('who may import whom', () => {
  it('finds the files it is about', () => {
    for (const folder of [contract, 'main/broker', 'main/cli', 'main/daemon', 'preload', 'renderer', 'test'])
      expect(of(folder), folder).not.toHaveLength(0)
  })

  it('is kept', () => {
    expect(forbiddenImports(files, table)).toEqual([])
  })

  it('has a place for every dependency', () => {
    const { dependencies } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>
    }
    expect(unplacedPackages(Object.keys(dependencies), table)).toEqual([])
    expect(unplacedPackages(['left-pad'], table)).toEqual(['the package left-pad is in no row of the table'])
  })

  it('sees that there is nothing to see', () => {
    expect(forbiddenImports([], table)).toEqual(['no files were found to check'])
  })

  const forbidden: readonly (readonly [path: string, text: string])[] = [
    ['main/contract/x.ts', "import { Secret } from '../broker/secret.ts'"],
    ['main/contract/x.ts', "import type { Secret } from '../broker/secret.ts'"],
    ['main/contract/x.ts', "import { sep } from 'node:path'"],
    ['main/contract/x.ts', "import { parse } from 'yaml'"],
    ['main/broker/x.ts', "import { readFile } from 'node:fs/promises'"],
    ['main/broker/x.ts', "import { open } from '../vault/store.ts'"],
    ['main/broker/x.ts', "export { open } from '../vault/store.ts'"],
    ['main/broker/x.ts', "export * from '../vault/store.ts'"],
    ['main/broker/x.ts', "export type { Store } from '../vault/store.ts'"],
    ['main/broker/x.ts', "const store = await import('../vault/store.ts')"],
    ['main/broker/x.ts', 'const store = await import(`../vault/store.ts`)'],
    ['main/broker/x.ts', 'const store = await import(`../${name}/store.ts`)'],
    ['main/broker/x.ts', "const fs = require('node:fs')"],
    ['main/broker/x.ts', "import fs = require('node:fs')"],
    ['main/broker/x.ts', "const fs = process.getBuiltinModule('node:fs')"],
    ['main/broker/x.ts', "/* ' */ import 'electron' // '"],
    ['main/broker/x.ts', "const quoted = /['\"`]/u\nimport 'electron'"],
    ['main/broker/x.ts', "const inner = `${`}`}`\nimport 'electron'"],
    ['main/oauth/x.ts', "import { accounts } from '../broker/accounts.ts'"],
    ['main/oauth/x.ts', "import http from 'http'"],
    ['main/oauth/x.ts', "import { x } from '/etc/x.ts'"],
    ['main/oauth/x.ts', "import { x } from 'https://example.com/x.ts'"],
    ['main/providers/x.ts', "import { Secret } from '../broker/secret.ts'"],
    ['main/vault/x.ts', "import * as oauth from 'openid-client'"],
    ['main/endpoint/x.ts', "import { open } from '../vault/store.ts'"],
    ['main/daemon/x.ts', "import { app } from 'electron/main'"],
    ['main/daemon/x.ts', "import { window } from '../desktop/window.ts'"],
    ['main/desktop/x.ts', "import { run } from '../daemon/index.ts'"],
    ['main/cli/x.ts', "import { broker } from '../broker/broker.ts'"],
    ['main/native-host/x.ts', "import { program } from 'commander'"],
    ['main/desktop/x.ts', "import { fake } from '../../test/fakes/clock.ts'"],
    ['main/cli/x.ts', "import { bench } from '../../bench/index.ts'"],
    ['main/contractors/x.ts', ''],
    ['main/x.ts', ''],
    ['preload/x.ts', "import { accounts } from '../main/broker/accounts.ts'"],
    ['renderer/x.tsx', "const page = <p>Don't</p>\nimport type { Ports } from '../main/broker/ports.ts'"],
    ['renderer/x.tsx', "import { readFile } from 'node:fs/promises'"],
    ['renderer/x.tsx', "import clsx from 'clsx'"],
    ['clients/js/x.ts', "import { errorTable } from '../../main/contract/errors.ts'"],
    ['clients/python/x.js', ''],
    ['scripts/x.ts', ''],
  ]
  it.each(forbidden)('refuses, in %s: %s', (path, text) => {
    expect(forbiddenImports(planted(path, text), table)).toHaveLength(1)
  })

  const allowed: readonly (readonly [path: string, text: string])[] = [
    ['main/contract/x.ts', "import { text } from './parse.ts'\nimport { type A } from './model.ts'"],
    ['main/broker/x.ts', "import { hash } from 'node:crypto'\nexport { BrokerError } from '../contract/errors.ts'"],
    ['main/broker/x.ts', "// import 'electron'\n/* import 'electron' */ const s = \"import 'electron'\""],
    ['main/broker/x.ts', "const url = import.meta.url, how = { import: 1, require: 2 }, r = x.import('electron')"],
    ['main/broker/x.ts', "const half = a / 2 // ' /\nconst text = `import 'electron'`"],
    ['main/oauth/x.ts', "import type { Clock } from '../broker/ports.ts'\nimport * as client from 'openid-client'"],
    ['main/providers/x.ts', "import type { Secret } from '../broker/secret.ts'"],
    ['main/vault/x.ts', "const { Entry } = await import('@napi-rs/keyring')"],
    ['clients/js/x.ts', "import type { TokenAnswer } from '../../main/contract/client-api.ts'"],
    ['renderer/x.tsx', "import './style.css'\nimport { createRoot } from 'react-dom/client'"],
    ['test/x.ts', "import { broker } from '../main/broker/broker.ts'\nimport fc from 'fast-check'"],
  ]
  it.each(allowed)('allows, in %s: %s', (path, text) => {
    expect(forbiddenImports(planted(path, text), table)).toEqual([])
  })
})

/** A house rule: what it covers, and a file that breaks it. */
interface HouseRule {
  readonly rule: string
  readonly check: (checked: readonly SourceFile[]) => readonly Violation[]
  readonly covers: readonly SourceFile[]
  readonly broken: readonly string[]
  readonly kept: string
}

const houseRules: readonly HouseRule[] = [
  {
    rule: 'product code opens with a paragraph',
    check: withoutOpening,
    covers: product,
    broken: ['export {}', '/** */\nexport {}', '// why\nexport {}', '/* why */'],
    kept: '#!/usr/bin/env node\n/** Why. */\nexport {}',
  },
  {
    rule: 'no file is longer than 400 lines',
    check: (checked) => tooLong(checked, 400),
    covers: files,
    broken: ['x\n'.repeat(401)],
    kept: 'x\n'.repeat(400),
  },
  {
    rule: 'product code has no default export',
    check: (checked) => brokenTokens(checked, defaultExport),
    covers: product,
    broken: ['export default 1', 'const a = 1\nexport { a as default }'],
    kept: "switch (a) { default: throw b }\nconst s = 'export default'",
  },
  {
    rule: 'the domain takes time, chance and the world from its ports',
    check: (checked) => brokenTokens(checked, notPure),
    covers: of('main/broker'),
    broken: ['Math.random()', 'Date.now()', 'new Date()', 'globalThis.setTimeout(f)', 'process.env', 'await fetch(u)'],
    kept: 'ports.clock.now(); new Date(at); const o = { fetch: 1 } // Date.now()',
  },
  {
    rule: 'only the listed places print',
    check: (checked) => brokenTokens(checked, printing),
    covers: product.filter(({ path }) => !mayPrint.includes(path)),
    broken: ["console.log('x')", "console.error('x')"],
    kept: "const console = 'console.log'",
  },
  {
    rule: 'providers are known by their definitions alone',
    check: (checked) =>
      checked.flatMap((file) => {
        const excepted = protocolNames[file.path] ?? []
        return brokenTokens([file], literals(new Set(providerIds.filter((id) => !excepted.includes(id)))))
      }),
    covers: of('main').filter(({ path }) => !path.startsWith('main/providers/')),
    broken: providerIds.flatMap((id) => [`if (provider === '${id}') quirk()`, `switch (p) { case "${id}": break }`]),
    kept: "if (provider === 'nobody-we-know') quirk()",
  },
  {
    rule: 'every test runs',
    check: (checked) => brokenTokens(checked, leftOut),
    covers: tests,
    broken: ["it.skip('x', f)", "describe.only('x', f)", "test.todo('x')", "it.skipIf(true)('x', f)"],
    kept: "it('x', f) // it.skip('x', f)",
  },
]

describe.each(houseRules)('$rule', ({ check, covers, broken, kept }) => {
  it('is kept', () => {
    expect(covers).not.toHaveLength(0)
    expect(check(covers)).toEqual([])
  })

  it('can be seen to be broken', () => {
    expect(broken).not.toHaveLength(0)
    for (const text of broken) expect(check(planted('main/x.ts', text)), text).not.toEqual([])
    expect(check(planted('main/x.ts', kept))).toEqual([])
  })
})

describe('the top level', () => {
  const strangers = (entries: readonly string[]): readonly string[] =>
    entries.filter((entry) => !topLevel.includes(entry) && !untracked.test(entry))

  it('holds nothing that is not listed', () => {
    expect(strangers(readdirSync(root))).toEqual([])
  })

  it('would show what is not', () => {
    expect(strangers(['main', 'src', 'notes.md', '.git', 'valetkey-0.1.0.tgz'])).toEqual(['src', 'notes.md'])
  })
})
