/**
 * What the rest of the program sees of provider definitions. The rule (R9): a provider is data, `definition.ts` is the shape
 * of it, and a key exists only when code reads it.
 */
import type { ProviderDefinition } from './definition.ts'

export type * from './definition.ts'

/** The definitions there are. */
export interface Providers {
  list(): Promise<readonly ProviderDefinition[]>
  /** Throws `access_denied` for one that the person has not added themselves, `locked` while that cannot be told. */
  find(id: string): Promise<ProviderDefinition | undefined>
  /** Whether one of the list is neither the person's own nor came with Valetkey; absent: none is. */
  isUnconfirmed?(definition: ProviderDefinition): boolean
}
