/** Which Node can run us. The rule: one number, asked for before anything else happens. */

/** `node:sqlite` as the vault uses it is in 24. */
export const oldestNode = 24

/** Whether `version` (as in `process.versions.node`) is new enough. */
export function isSupported(version: string): boolean {
  return Number.parseInt(version, 10) >= oldestNode
}
