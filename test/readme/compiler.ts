/**
 * Programs out of a page, type-checked as strictly as our own. The rule: the compiler and its settings are the
 * checkout's; a program is given nothing but a folder of its own.
 */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Writes `text` as `name`.ts into `folder` and answers what the compiler says about it: nothing when it is right. */
export async function compile(root: string, folder: string, name: string, text: string): Promise<string> {
  const file = join(folder, `${name}.ts`)
  const project = join(folder, `${name}.json`)
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(file, text)
  const compilerOptions = {
    ...{ composite: false, emitDeclarationOnly: false, noEmit: true, rootDir: '/' },
    ...{ lib: ['ES2024', 'DOM'], types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
  }
  const settings = { extends: join(root, 'tsconfig.json'), compilerOptions, files: [file], references: [] }
  writeFileSync(project, JSON.stringify(settings))
  return run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--project', project]).then(
    () => '',
    (thrown: unknown) => (thrown as { readonly stdout: string }).stdout || String(thrown),
  )
}
