/**
 * Members that may be absent. The rule: absent is not `undefined` on the wire, so what has no value is not there at all.
 */

/** `{ [name]: value }`, or nothing when there is no value. */
export function defined<const K extends string, V>(name: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: V }
}
