/** Field names whose values are never written, in any spelling (`loginPassword`, `set-cookie`, `API_TOKEN`). */
const secretName =
  /password|passphrase|passwd|secret|cookie|token|authorization|credential|private[-_]?key|sealing[-_]?key|(^|[-_])key(pem)?$|keyPem$/i

const privateKeyBlock = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g
const urlPassword = /([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi
const bearer = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi

/** What stands in place of a secret. */
export const redacted = '[redacted]'

/** Longest text kept of one value. Unit: UTF-16 code units. */
const textLengthMax = 2_048
const depthMax = 5
const entriesMax = 64

/**
 * A copy that is safe to write: values under secret names and private keys, URL passwords and bearer tokens inside
 * texts are replaced; long texts, deep objects and long lists are shortened. Errors become plain objects.
 */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactEntries(Object.entries(fields), 0)
}

/** The same for one text. */
export function redactText(text: string): string {
  const shortened = text.length > textLengthMax ? `${text.slice(0, textLengthMax)}…` : text
  return shortened
    .replace(privateKeyBlock, redacted)
    .replace(urlPassword, `$1${redacted}@`)
    .replace(bearer, `$1 ${redacted}`)
}

function redactEntries(entries: readonly (readonly [string, unknown])[], depth: number): Record<string, unknown> {
  return Object.fromEntries(
    entries
      .slice(0, entriesMax)
      .map(([name, value]) => [name, secretName.test(name) ? redacted : redactValue(value, depth + 1)]),
  )
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? undefined : value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (depth > depthMax) return '[…]'
  if (value instanceof Error) return redactError(value, depth)
  if (Array.isArray(value)) return value.slice(0, entriesMax).map((entry) => redactValue(entry, depth + 1))
  return redactEntries(Object.entries(value), depth)
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  return {
    name: error.name,
    ...code,
    message: redactText(error.message),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: redactValue(error.cause, depth + 1) }),
  }
}
