/**
 * What a field name means to the gateway, as a small integer. Names are compared as an application behind a CGI-like
 * interface would see them: without regard to case, and with `_` and `.` read as `-`.
 */
export const fieldClass = {
  /** End-to-end field without special treatment. */
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  /** Connection, and Proxy-Connection, whose options llhttp honours in the same way. */
  connection: 4,
  expect: 5,
  upgrade: 6,
  /** Never forwarded: hop-by-hop (RFC 9110 7.6.1), `Proxy` (CVE-2016-5385), and twins such as `Transfer_Encoding`. */
  hopByHop: 7,
  /** Identity fields that only the gateway may set, and those other gateways are known for. */
  reserved: 8,
  cookie: 9,
  setCookie: 10,
  /** Forwarded, X-Forwarded-*, X-Real-IP. */
  forwarded: 11,
  accept: 12,
  acceptLanguage: 13,
  origin: 14,
  date: 15,
  server: 16,
} as const

export type FieldClass = (typeof fieldClass)[keyof typeof fieldClass]

const exactNames: ReadonlyMap<string, FieldClass> = new Map<string, FieldClass>([
  ['host', fieldClass.host],
  ['content-length', fieldClass.contentLength],
  ['transfer-encoding', fieldClass.transferEncoding],
  ['connection', fieldClass.connection],
  ['proxy-connection', fieldClass.connection],
  ['expect', fieldClass.expect],
  ['upgrade', fieldClass.upgrade],
  ['http2-settings', fieldClass.hopByHop],
  ['keep-alive', fieldClass.hopByHop],
  ['proxy', fieldClass.hopByHop],
  ['proxy-authenticate', fieldClass.hopByHop],
  ['proxy-authentication-info', fieldClass.hopByHop],
  ['proxy-authorization', fieldClass.hopByHop],
  ['te', fieldClass.hopByHop],
  ['trailer', fieldClass.hopByHop],
  ['cookie', fieldClass.cookie],
  ['set-cookie', fieldClass.setCookie],
  ['accept', fieldClass.accept],
  ['accept-language', fieldClass.acceptLanguage],
  ['origin', fieldClass.origin],
  ['date', fieldClass.date],
  ['server', fieldClass.server],
])

const reservedNames: ReadonlySet<string> = new Set(['client-cert', 'client-cert-chain'])
const reservedPrefixes = [
  'sekisho-',
  'x-client-cert',
  'x-client-dn',
  'x-client-verify',
  'ssl-client',
  'x-ssl-client',
  'tls-client',
  'x-tls-client',
  'x-forwarded-client-cert',
  'x-forwarded-ssl-client',
  'x-forwarded-tls-client',
  'x-arr-clientcert',
  'x-amzn-mtls-',
]

// Spellings beyond the usual ones are cached too, up to this many; then the cache starts anew, so that names made up
// by a client cost a moment of time and never memory.
const spellingsMax = 2_048
const spellingBytesMax = 64
const classBySpelling = new Map<string, FieldClass>()
seedUsualSpellings()

/** The class of a field name. `name` is a valid field name (RFC 9110 5.1), in any case. */
export function classifyField(name: string): FieldClass {
  return classBySpelling.get(name) ?? classifyNewSpelling(name)
}

/** Lower-case name with `_` and `.` read as `-`: how two names that an application may take for one are compared. */
export function foldFieldName(name: string): string {
  return name.toLowerCase().replace(/[_.]/g, '-')
}

function classifyNewSpelling(name: string): FieldClass {
  const found = classifyByRules(name)
  if (name.length <= spellingBytesMax) {
    if (classBySpelling.size >= spellingsMax) seedUsualSpellings()
    // A copy: `name` may be a slice that keeps a whole head, cookies included, in memory.
    classBySpelling.set(Buffer.from(name, 'latin1').toString('latin1'), found)
  }
  return found
}

function classifyByRules(name: string): FieldClass {
  const lower = name.toLowerCase()
  const folded = foldFieldName(name)
  if (reservedNames.has(folded) || reservedPrefixes.some((prefix) => folded.startsWith(prefix))) {
    return fieldClass.reserved
  }
  if (folded === 'forwarded' || folded === 'x-real-ip' || folded.startsWith('x-forwarded-')) return fieldClass.forwarded
  const exact = exactNames.get(lower)
  if (exact !== undefined) return exact
  return exactNames.has(folded) ? fieldClass.hopByHop : fieldClass.other
}

function seedUsualSpellings(): void {
  classBySpelling.clear()
  for (const [lower, found] of exactNames) {
    classBySpelling.set(lower, found)
    classBySpelling.set(
      lower.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()),
      found,
    )
  }
}
