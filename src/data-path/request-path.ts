/** What is done with paths that applications may read in two ways. */
export type PathRules = {
  /** `%2F` and `%5C` within a segment. Refused even if kept: in parameters, and together with dot segments. */
  readonly encodedSlashes: 'refuse' | 'keep'
  /** `.` and `..` as segments. Refused even if kept: escaped ones, and those in a path with parameters. */
  readonly dotSegments: 'refuse' | 'keep'
}

// Everything that is not plainly one path: an escape, a parameter, a dot that begins a segment, an empty segment.
const unusual = /[%;]|\/[./]/
// Escapes are found however often they were encoded (`%252F`): somewhere behind us they may be decoded as often.
const brokenEscape = /%(?![0-9a-f]{2})/i
const nullByte = /%(?:25)*00/
/** ASCII in two bytes, which RFC 3629 3 forbids and lenient decoders take. */
const overlong = /%(?:25)*c[01]%(?:25)*[89ab]/i
const encodedSlash = /%(?:25)*(?:2f|5c)/i
const encodedSlashes = new RegExp(encodedSlash, 'gi')
const unreservedEscape = /%(?:25)*(?:2d|2e|5f|7e|3[0-9]|[46][1-9a-f]|[57][0-9a])/i
const unreservedEscapes = new RegExp(unreservedEscape, 'gi')
/** Where a parameter begins, or what is taken for a query or a fragment by who decodes first. */
const parameterStart = /;|%(?:25)*(?:3b|3f|23)/i
const slashInParameter = new RegExp(`(?:${parameterStart.source})[^/]*${encodedSlash.source}`, 'i')

/**
 * The path of a target as routes are matched with: without query, escapes of unreserved characters decoded (RFC 3986 6.2.2.2),
 * path parameters (`;…`) and empty segments left out, kept dot segments resolved (RFC 3986 5.2.4). Applications differ in each of
 * these, so a route must not be missed by spelling its path in another way. Only matching uses it: the application gets the target
 * as the client sent it. Undefined: refused by the rules, or an escape that no two applications read alike.
 */
export function matchedPath(target: string, rules: PathRules): string | undefined {
  const path = withoutQuery(target)
  if (!unusual.test(path)) return path
  const text = decodeUnreserved(path)
  if (text === undefined) return undefined
  const slashed = encodedSlash.test(text)
  if (slashed && (rules.encodedSlashes === 'refuse' || slashInParameter.test(text))) return undefined
  const segments = readSegments(text)
  if (readSegments(decodeSlashes(text)).some(isDotSegment)) {
    // One oddity at a time: what becomes of two in one path depends on which of them an application sees first.
    const plain = !slashed && text === path && !parameterStart.test(path)
    if (rules.dotSegments === 'refuse' || !plain) return undefined
  }
  return join(resolve(segments.filter(isNotEmpty)))
}

/**
 * How else applications may read a path that the rules keep: encoded slashes decoded; dot segments left as they are, or resolved
 * while empty segments still count. Only for targets that have a `matchedPath`.
 */
export function otherReadings(target: string): readonly string[] {
  const path = withoutQuery(target)
  if (!unusual.test(path)) return []
  const text = decodeUnreserved(path) ?? path
  const segments = readSegments(decodeSlashes(text))
  return [join(segments.filter(isNotEmpty)), join(resolve(segments).filter(isNotEmpty))]
}

function withoutQuery(target: string): string {
  const query = target.indexOf('?')
  return query < 0 ? target : target.slice(0, query)
}

/** Undefined: it says something else each time it is decoded, or what no decoder should take. */
function decodeUnreserved(path: string): string | undefined {
  if (brokenEscape.test(path)) return undefined
  const text = path.replace(unreservedEscapes, (found) => String.fromCharCode(Number.parseInt(found.slice(-2), 16)))
  return unreservedEscape.test(text) || nullByte.test(text) || overlong.test(text) ? undefined : text
}

function decodeSlashes(text: string): string {
  return text.replace(encodedSlashes, '/')
}

/** Segments without their parameters; the first `/` begins the first one. */
function readSegments(text: string): string[] {
  const segments = text.slice(1).split('/')
  return segments.map((written) => {
    const end = written.search(parameterStart)
    return end < 0 ? written : written.slice(0, end)
  })
}

function resolve(segments: readonly string[]): string[] {
  const kept: string[] = []
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  return kept
}

function isDotSegment(segment: string): boolean {
  return segment === '.' || segment === '..'
}

function isNotEmpty(segment: string): boolean {
  return segment !== ''
}

function join(segments: readonly string[]): string {
  return `/${segments.join('/')}`
}
