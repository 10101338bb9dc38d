/** Members that may be missing. The rule: absent is not `undefined`, on the wire and in the vault. */

/** `{ [name]: value }`, or nothing when there is no value. */
export function defined<const K extends string, V>(name: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: V }
}
