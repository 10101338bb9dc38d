/**
 * How every program is built: a small CommonJS file for what the command line does a thousand times a day (a module graph
 * costs it more than its work does) and one for the daemon, each with what it rarely needs beside it; and the renderer as
 * static files.
 */
import { builtinModules } from 'node:module'
import { dirname, resolve } from 'node:path'
import react from '@vitejs/plugin-react'
import { defineConfig, type EnvironmentOptions, type Plugin } from 'vite'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
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

export default defineConfig({
  root: resolve(import.meta.dirname, 'renderer'),
  base: './',
  plugins: [react(), requiredJson()],
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
  },
  builder: {
    async buildApp(builder) {
      const started = Date.now()
      await Promise.all(Object.values(builder.environments).map((environment) => builder.build(environment)))
      // What an older build left beside these programs would be packed with them.
      for (const name of readdirSync(dist).filter((file) => file.endsWith('.cjs')))
        if (statSync(resolve(dist, name)).mtimeMs < started - 1000) rmSync(resolve(dist, name))
    },
  },
})
