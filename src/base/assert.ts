/** Throws when an invariant of our own code does not hold; never used on outside input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${message}`)
}
