/**
 * What a test run came to, from vitest's JSON report (its shape is Jest's `--json`). The rule: everything that did not
 * pass has failed: skipped tests, files that would not load, suites that were empty, errors outside any test.
 */

/** The members of the report that count. */
export interface Report {
  readonly testResults: readonly {
    /** The file, as an absolute path. */
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

export interface Summary {
  readonly passed: number
  readonly failed: number
  /** What failed without being a failing test, in sentences. */
  readonly problems: readonly string[]
}

/**
 * Counts a run. `exitCode` is what vitest ended with; `folders` are absolute paths, each of which must have contributed
 * at least one test; a `null` report means vitest wrote none.
 */
export function summarise(report: Report | null, exitCode: number, folders: readonly string[]): Summary {
  const files = report?.testResults ?? []
  const results = files.flatMap(({ assertionResults }) => assertionResults)
  const passed = results.filter(({ status }) => status === 'passed').length
  const notRun = results.filter(({ status }) => status !== 'passed' && status !== 'failed')
  const broken = files.filter(
    ({ status, assertionResults }) => status !== 'passed' && assertionResults.every((one) => one.status === 'passed'),
  )
  const empty = folders.filter((folder) => !files.some((file) => isIn(file.name, folder) && wasRun(file)))
  const problems = [
    ...(report === null ? ['vitest wrote no report'] : []),
    ...notRun.map(({ fullName, status }) => `not run (${status}): ${fullName}`),
    ...broken.map(({ name, message }) => `failed outside its tests: ${name} ${message ?? ''}`.trimEnd()),
    ...empty.map((folder) => `no test ran in ${folder}`),
  ]
  const failed = results.filter(({ status }) => status === 'failed').length + problems.length
  if (exitCode === 0 || failed > 0) return { passed, failed, problems }
  return { passed, failed: 1, problems: [`vitest ended with ${String(exitCode)}; its output says why`] }
}

function wasRun(file: Report['testResults'][number]): boolean {
  return file.assertionResults.some(({ status }) => status === 'passed' || status === 'failed')
}

function isIn(path: string, folder: string): boolean {
  return path.replaceAll('\\', '/').startsWith(`${folder.replaceAll('\\', '/')}/`)
}
