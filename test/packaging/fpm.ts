/**
 * `fpm -s dir -t deb` over dpkg-deb, for machines where electron-builder cannot fetch fpm. The rule: it knows the options
 * electron-builder gives and refuses every other; what it makes is a real .deb, but that fpm makes the same is not shown.
 * Nothing is compressed: the packages made here are read once and removed.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const text = { type: 'string' } as const
const list = { type: 'string', multiple: true } as const

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    source: { type: 'string', short: 's' },
    target: { type: 'string', short: 't' },
    force: { type: 'boolean' },
    depends: { ...list, short: 'd' },
    'deb-recommends': list,
    'deb-compression': text,
    'deb-priority': text,
    architecture: text,
    'after-install': text,
    'after-remove': text,
    description: text,
    version: text,
    package: text,
    name: text,
    maintainer: text,
    vendor: text,
    url: text,
    category: text,
    license: text,
  },
})

/** The value of an option that has to be there. */
function given(name: 'after-install' | 'after-remove' | 'architecture' | 'name' | 'package' | 'version'): string {
  const value = values[name]
  if (value === undefined) throw new Error(`--${name} is missing`)
  return value
}

/** `FROM=TO`; with a slash at its end, FROM's content. */
function copy(root: string, mapping: string): void {
  const [from = '', to = ''] = mapping.split('=')
  const target = join(root, to)
  mkdirSync(dirname(target), { recursive: true })
  cpSync(from, target, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
}

function control(): string {
  const fields = {
    Package: given('name'),
    Version: given('version'),
    Architecture: given('architecture'),
    Maintainer: values.maintainer,
    Vendor: values.vendor,
    License: values.license,
    Homepage: values.url,
    Section: values.category,
    Priority: values['deb-priority'],
    Depends: values.depends?.join(', '),
    Recommends: values['deb-recommends']?.join(', '),
    Description: values.description?.trim().replaceAll(/\n\s*/gu, '\n '),
  }
  const lines = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\n`]))
  return lines.join('')
}

const root = mkdtempSync(join(tmpdir(), 'valetkey-deb-'))
try {
  if (values.source !== 'dir' || values.target !== 'deb') throw new Error('this makes a .deb of a folder, nothing else')
  for (const mapping of positionals) copy(root, mapping)
  mkdirSync(join(root, 'DEBIAN'))
  writeFileSync(join(root, 'DEBIAN/control'), control())
  for (const [option, name] of [
    ['after-install', 'postinst'],
    ['after-remove', 'postrm'],
  ] as const) {
    copyFileSync(given(option), join(root, 'DEBIAN', name))
    chmodSync(join(root, 'DEBIAN', name), 0o755)
  }
  chmodSync(root, 0o755)
  const words = ['--build', '--root-owner-group', '-Znone', root, given('package')]
  const { status } = spawnSync('dpkg-deb', words, { stdio: 'inherit' })
  process.exitCode = status ?? 1
} finally {
  rmSync(root, { recursive: true, force: true })
}
