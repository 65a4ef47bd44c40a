import { classifyField, type FieldClass } from './field-class.ts'

/** A field name as usual clients and applications spell it, with its class. */
export type UsualField = { readonly name: string; readonly found: FieldClass }

const usualSpellings = [
  ...['Accept', 'Accept-Encoding', 'Accept-Language', 'Accept-Ranges', 'Age', 'Authorization', 'Cache-Control'],
  ...['Connection', 'Content-Encoding', 'Content-Length', 'Content-Type', 'Cookie', 'DNT', 'Date', 'ETag', 'Expires'],
  ...['Host', 'If-Modified-Since', 'If-None-Match', 'Keep-Alive', 'Last-Modified', 'Location', 'Origin', 'Pragma'],
  ...['Priority', 'Referer', 'Sec-Fetch-Dest', 'Sec-Fetch-Mode', 'Sec-Fetch-Site', 'Sec-Fetch-User', 'Server'],
  ...['Set-Cookie', 'Transfer-Encoding', 'Upgrade-Insecure-Requests', 'User-Agent', 'Vary', 'X-Requested-With'],
  ...['accept', 'connection', 'content-length', 'content-type', 'host', 'sec-ch-ua', 'sec-ch-ua-mobile', 'user-agent'],
]
const shapeLengthMax = 31
const fieldsByShape: (readonly UsualField[] | undefined)[] = groupByShape()

/**
 * The usual field whose name stands in `text` from `at` up to `colon`, if it is one. Most names are, and reading them this way makes
 * no string and computes no hash.
 */
export function usualField(text: string, at: number, colon: number): UsualField | undefined {
  const candidates = fieldsByShape[shape(text.charCodeAt(at), colon - at)]
  if (candidates === undefined) return undefined
  for (let index = 0; index < candidates.length; index++) {
    const candidate = candidates[index] as UsualField
    if (text.startsWith(candidate.name, at)) return candidate
  }
  return undefined
}

/** First letter and length in one number; no usual name is longer than `shapeLengthMax`, so all others share one place. */
function shape(letter: number, length: number): number {
  return (letter & 0x7f) | (Math.min(length, shapeLengthMax) << 7)
}

function groupByShape(): UsualField[][] {
  const groups: UsualField[][] = []
  for (const name of usualSpellings) {
    const place = shape(name.charCodeAt(0), name.length)
    groups[place] = [...(groups[place] ?? []), { name, found: classifyField(name) }]
  }
  return groups
}
