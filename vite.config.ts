/**
 * How every program is built: a small CommonJS file for what the command line does a thousand times a day (a module graph
 * costs it more than its work does) and one for the daemon, each with what it rarely needs beside it; the renderer as
 * static files; for browsers' extensions the library's entry as one file, and the sample extension as a folder that a browser
 * loads; and the fast path, by the machine's C compiler.
 */
import { spawnSync } from 'node:child_process'
import { builtinModules } from 'node:module'
import { dirname, resolve } from 'node:path'
import react from '@vitejs/plugin-react'
import { defineConfig, type EnvironmentOptions, type Plugin } from 'vite'
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { parse } from 'yaml'

const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, 'package.json'), 'utf8')) as {
  version: string
}

const dist = resolve(import.meta.dirname, 'dist')

/** The provider definitions as values, so that a built program neither reads files for them nor parses YAML. */
function providers(): Readonly<Record<string, unknown>> {
  const folder = resolve(import.meta.dirname, 'main/providers')
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
  return Object.fromEntries(names.map((name) => [name, parse(readFileSync(resolve(folder, name), 'utf8')) as unknown]))
}

/**
 * JSON that ajv requires, as the CommonJS it takes it for. As modules, which is what the bundler makes of JSON, it would put
 * a helper before the first line of every file of a program that has ajv anywhere, and so before every token.
 */
function requiredJson(): Plugin {
  const [before, after] = ['\0required:', '.cjs']
  return {
    name: 'required-json',
    enforce: 'pre',
    resolveId: (source, importer) =>
      source.endsWith('.json') && importer?.includes('/node_modules/ajv/')
        ? `${before}${resolve(dirname(importer), source)}${after}`
        : null,
    load: (id) =>
      id.startsWith(before) ? `module.exports = ${readFileSync(id.slice(before.length, -after.length), 'utf8')}` : null,
  }
}

/** A Node program; what it imports dynamically becomes a file of its own. */
function program(entry: string, name: string, target: string): EnvironmentOptions {
  return {
    consumer: 'server',
    define: { __VERSION__: JSON.stringify(version), __PROVIDERS__: JSON.stringify(providers()) },
    resolve: {
      noExternal: true,
      external: ['@napi-rs/keyring', 'electron'],
      conditions: ['node'],
      builtins: [/^node:/u, ...builtinModules],
    },
    build: {
      ssr: true,
      outDir: dist,
      emptyOutDir: false,
      copyPublicDir: false,
      target,
      minify: true,
      rolldownOptions: {
        input: { [name]: resolve(import.meta.dirname, entry) },
        output: {
          format: 'cjs',
          entryFileNames: '[name].cjs',
          chunkFileNames: `${name}-[name].cjs`,
          // A helper that two files use gets a file of its own, which else would be in the one that is rarely needed.
          codeSplitting: { groups: [{ name: 'ajv', test: /node_modules[\\/]ajv[\\/]/u }] },
        },
      },
    },
  }
}

/** What the fast path is compiled with; on Linux first without any C library, then with one inside, then as it comes. */
const compilers = [...(process.env['CC'] ? [process.env['CC']] : []), 'cc', 'gcc', 'clang']
const strictly = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-fstack-protector-strong']
const hardened = ['-Wl,-z,noexecstack', '-Wl,-z,relro', '-Wl,-z,now']
const alone = ['-static', '-nostdlib', '-ffreestanding', '-mstack-protector-guard=global', ...hardened, 'linux.c']
const linkings =
  process.platform === 'linux'
    ? [alone, ['-D_FORTIFY_SOURCE=2', '-static', ...hardened], ['-D_FORTIFY_SOURCE=2', ...hardened]]
    : [['-D_FORTIFY_SOURCE=2']]

/**
 * `valetkey token` without Node (clients/native), and `dist/valetkey`, the command with it; not made again when nothing has
 * changed. Where it cannot be made one line says so: the command line does the same, in the time a Node takes to start.
 */
function buildFastPath(): void {
  const [folder, output] = [resolve(import.meta.dirname, 'clients/native'), resolve(dist, 'valetkey-token')]
  const sources = [import.meta.filename, ...readdirSync(folder).map((name) => resolve(folder, name))]
  const time = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
  // It starts the command line by its file.
  chmodSync(resolve(dist, 'cli.cjs'), 0o755)
  if (time(output) > Math.max(...sources.map(time)) && time(resolve(dist, 'valetkey')) > 0) return
  for (const name of [output, resolve(dist, 'valetkey')]) rmSync(name, { force: true })
  const tried: string[] = []
  for (const compiler of process.platform === 'win32' ? [] : compilers)
    for (const linking of linkings) {
      const words = [...strictly, '-o', `${output}.new`, 'valetkey-token.c', ...linking]
      const { error, status, stderr } = spawnSync(compiler, words, { cwd: folder, encoding: 'utf8' })
      if (error === undefined && status === 0) {
        renameSync(`${output}.new`, output)
        symlinkSync('valetkey-token', resolve(dist, 'valetkey'))
        return
      }
      if (error === undefined)
        tried.push(`${compiler}: ${stderr.split('\n').find((line) => line.includes('error')) ?? ''}`)
    }
  const why = tried[0] ?? 'no C compiler here'
  process.stderr.write(`valetkey-token is not built (${why}); “valetkey token” runs on Node alone.\n`)
}

/** Scripts for a browser's extension: modules, minified, each with its exports. */
function scripts(folder: string, names: readonly string[], outDir: string): EnvironmentOptions {
  const input = Object.fromEntries(names.map((name) => [name, resolve(import.meta.dirname, folder, `${name}.ts`)]))
  return {
    consumer: 'client',
    build: {
      outDir: resolve(dist, outDir),
      emptyOutDir: true,
      copyPublicDir: false,
      target: 'chrome137',
      minify: true,
      modulePreload: { polyfill: false },
      rolldownOptions: {
        input,
        preserveEntrySignatures: 'strict',
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name].js' },
      },
    },
  }
}

const sample = resolve(import.meta.dirname, 'clients/browser-extension')

/** What lies beside the sample extension's scripts: its manifest with our version, its pages, and our icons. */
const sampleFiles: Plugin = {
  name: 'valetkey:sample-files',
  applyToEnvironment: ({ name }) => name === 'browserExtension',
  generateBundle() {
    const manifest = JSON.parse(readFileSync(resolve(sample, 'manifest.json'), 'utf8')) as {
      readonly icons: Readonly<Record<string, string>>
    }
    const emit = (fileName: string, source: string | Uint8Array): void => {
      this.emitFile({ type: 'asset', fileName, source })
    }
    emit('manifest.json', `${JSON.stringify({ ...manifest, version }, null, 2)}\n`)
    for (const name of ['popup.html', 'options.html', 'style.css']) emit(name, readFileSync(resolve(sample, name)))
    for (const icon of Object.values(manifest.icons))
      emit(icon, readFileSync(resolve(import.meta.dirname, 'main/desktop/package', icon)))
  },
}

export default defineConfig({
  root: resolve(import.meta.dirname, 'renderer'),
  base: './',
  plugins: [react(), requiredJson(), sampleFiles],
  environments: {
    client: {
      build: {
        outDir: resolve(import.meta.dirname, 'dist/renderer'),
        emptyOutDir: true,
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
      },
    },
    // An old Node has to get as far as saying that it is too old.
    cli: program('main/cli/index.ts', 'cli', 'node20'),
    daemon: program('main/daemon/index.ts', 'daemon', 'node24'),
    desktop: program('main/desktop/index.ts', 'desktop', 'node24'),
    nativeHost: program('main/native-host/index.ts', 'native-host', 'node24'),
    // A sandboxed preload script is one CommonJS file that may require nothing but Electron.
    preload: program('preload/index.ts', 'preload', 'node24'),
    browserLibrary: scripts('clients/js', ['service-worker'], 'clients/js'),
    browserExtension: scripts('clients/browser-extension', ['worker', 'popup', 'options'], 'browser-extension'),
  },
  builder: {
    async buildApp(builder) {
      const started = Date.now()
      await Promise.all(Object.values(builder.environments).map((environment) => builder.build(environment)))
      // What an older build left beside these programs would be packed with them.
      for (const name of readdirSync(dist).filter((file) => file.endsWith('.cjs')))
        if (statSync(resolve(dist, name)).mtimeMs < started - 1000) rmSync(resolve(dist, name))
      buildFastPath()
    },
  },
})
