/** A command line that cannot be carried out; the message says what is allowed. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError'
}

/** The number of a flag, or what stands for it where it is not given. Throws `OptionsError` outside the range. */
export function readNumber(
  flag: string,
  text: string | undefined,
  range: { fallback: number; min: number; max: number },
): number {
  if (text === undefined) return range.fallback
  const number = Number(text)
  if (Number.isInteger(number) && number >= range.min && number <= range.max) return number
  throw new OptionsError(
    `Cannot take ${flag} as a whole number from ${range.min} to ${range.max}: current value is ${text}`,
  )
}

/** Those of the names that a comma-separated flag gives, in their own order; all where it is not given. */
export function readNames<Name extends string>(
  flag: string,
  text: string | undefined,
  names: readonly Name[],
): readonly Name[] {
  if (text === undefined) return names
  const asked = text.split(',')
  const unknown = asked.find((name) => !names.includes(name as Name))
  if (unknown === undefined) return names.filter((name) => asked.includes(name))
  throw new OptionsError(`Cannot take ${flag} as a list of ${names.join(', ')}: current value is ${unknown}`)
}
