/** x */
import type { Row } from './harness.ts'
import type { Stage } from './stage.ts'
export async function measureOidcAgent(_stage: Stage): Promise<readonly Row[]> { return [] }
