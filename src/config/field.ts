import { z } from 'zod'

/**
 * What a field's metadata may hold. `expected` finishes the sentence "Cannot use <path> as …" and is the "must be" column
 * of `config/README.md`; `secret` keeps the value out of every message and allows `file:`.
 */
export type FieldMeta = { description: string; expected?: string; secret?: true }

type TextRule = { expected?: string; pattern?: RegExp; secret?: true }

/** A text of at least one character. With a pattern, `expected` must say in words what the pattern accepts. */
export function text(description: string, rule: TextRule = {}) {
  const meta: FieldMeta = { description }
  if (rule.expected !== undefined) meta.expected = rule.expected
  if (rule.secret !== undefined) meta.secret = rule.secret
  const schema = rule.pattern === undefined ? z.string().min(1) : z.string().regex(rule.pattern)
  return schema.meta(meta)
}

/** The path of a file that is read when the configuration is read; relative paths start at the configuration file. */
export function pemFile(description: string) {
  return text(description, { expected: 'the path of a readable PEM file' })
}

/** A name that metrics, logs and other fields use: it fits into a label as it is. */
export function labelName(description: string, kind: string) {
  return text(description, {
    pattern: /^[a-z][a-z0-9-]{0,31}$/,
    expected: `${kind} name (a lower-case letter, then up to 31 lower-case letters, digits or hyphens)`,
  })
}

/** A list of address ranges that are trusted with something; `checkRanges` reads them. */
export function addressRanges() {
  return z.array(text('One range', { expected: 'a CIDR range such as 10.0.0.0/8 or 2001:db8::/32, or one IP address' }))
}

/** A whole number with a default; the unit is the last word of the field's name. */
export function whole(range: readonly [min: number, max: number], fallback: number, description: string) {
  return z.number().int().min(range[0]).max(range[1]).default(fallback).describe(description)
}

/** A whole number that may be left out and then is taken from elsewhere; `description` says from where. */
export function wholeOrLeftOut(range: readonly [min: number, max: number], description: string) {
  return z.number().int().min(range[0]).max(range[1]).optional().describe(description)
}

/** A yes or no with a default. */
export function flag(fallback: boolean, description: string) {
  return z.boolean().default(fallback).describe(description)
}
