/**
 * What the rest of the program sees of provider definitions. The rule (R9): a provider is data, `definition.ts` is the shape
 * of it, and a key exists only when code reads it.
 */
import type { ProviderDefinition } from './definition.ts'

export type * from './definition.ts'

/** The definitions there are. */
export interface Providers {
  list(): Promise<readonly ProviderDefinition[]>
  find(id: string): Promise<ProviderDefinition | undefined>
}
