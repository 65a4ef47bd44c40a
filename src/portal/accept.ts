import type { Language } from './portal-texts.ts'

type Preference = { readonly value: string; readonly quality: number }

// Longer fields come from no browser; what lies beyond is not read, so that a huge field costs nothing.
const fieldCharactersMax = 1_000
const entriesMax = 32

/**
 * The language of a page: Japanese or English, whichever Accept-Language (RFC 9110 12.5.4) weighs more, the first one
 * where they weigh the same, and Japanese where neither is acceptable or the field is absent.
 */
export function choosePageLanguage(acceptLanguage: string | undefined): Language {
  let chosen: Language = 'ja'
  let chosenQuality = 0
  for (const { value, quality } of readPreferences(acceptLanguage)) {
    const language = primaryLanguage(value)
    if (language === undefined || quality <= chosenQuality) continue
    chosen = language
    chosenQuality = quality
  }
  return chosen
}

/**
 * Whether the client prefers problem details (RFC 9457) to HTML by its Accept field (RFC 9110 12.5.1). It must name a
 * JSON type or `application/*`: a bare wildcard or no field at all means HTML. Where both weigh the same, the one named
 * more exactly wins, and HTML when both are named as exactly.
 */
export function prefersProblem(accept: string | undefined): boolean {
  const preferences = readPreferences(accept)
  const html = weigh(preferences, ['text', 'html'])
  for (const subtype of ['problem+json', 'json']) {
    const json = weigh(preferences, ['application', subtype])
    if (json.exactness < 1 || json.quality === 0) continue
    if (json.quality > html.quality) return true
    if (json.quality === html.quality && json.exactness > html.exactness) return true
  }
  return false
}

function primaryLanguage(range: string): Language | undefined {
  const primary = range.split('-', 1)[0]
  return primary === 'ja' || primary === 'en' ? primary : undefined
}

function weigh(preferences: readonly Preference[], [type, subtype]: readonly [string, string]) {
  const found = { quality: 0, exactness: -1 }
  for (const { value, quality } of preferences) {
    const exactness = value === `${type}/${subtype}` ? 2 : value === `${type}/*` ? 1 : value === '*/*' ? 0 : -1
    if (exactness <= found.exactness) continue
    found.exactness = exactness
    found.quality = quality
  }
  return found
}

/** Entries in order, lower case, without parameters other than `q`; an entry with a malformed `q` is left out. */
function readPreferences(field: string | undefined): Preference[] {
  if (field === undefined) return []
  const preferences: Preference[] = []
  for (const entry of field.slice(0, fieldCharactersMax).split(',', entriesMax)) {
    const [value = '', ...parameters] = entry.split(';')
    const quality = readQuality(parameters)
    if (quality !== undefined) preferences.push({ value: value.trim().toLowerCase(), quality })
  }
  return preferences
}

function readQuality(parameters: readonly string[]): number | undefined {
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=', 2)
    if (name.trim().toLowerCase() !== 'q') continue
    const text = value.trim()
    return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text) : undefined
  }
  return 1
}
