// Verifies `Sekisho-Assertion` with Node 20 or later and nothing else.
//
//   echo "$ASSERTION" | node verify-assertion.js --jwks URL|FILE [--ca FILE] --audience NAME [--client-cert VALUE]
//
// Prints the claims and ends with 0, or says why not and ends with 1. In an application, keep one `Keys` and call `verifyAssertion`.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { get } from 'node:https'
import { fileURLToPath } from 'node:url'

const assertionBytesMax = 8_192
/** Keys of all gateways: up to three each, of 200 bytes. */
const keySetBytesMax = 2_097_152
/** How far the clocks of gateway and application may be apart. Unit: seconds. */
const leewaySeconds = 5
const lifeSecondsMax = 60
/** An assertion names a key by its `kid`. Strangers could make up many: so the key set is asked for only so often. Unit: milliseconds. */
const askAgainMs = 1_000

/** The text is no assertion of this gateway for this application, now. Anything else that is thrown: the key set could not be read. */
export class Refused extends Error {}

/**
 * The gateways' public keys, asked for when an assertion names one that is not known yet: each gateway makes a new one every day.
 * While they cannot be asked for, those that are known still count.
 */
export class Keys {
  #load
  #known = new Map()
  #answer
  #askFromMs = 0

  /** `load` resolves with the text of the key set. */
  constructor(load) {
    this.#load = load
  }

  async find(kid) {
    if (this.#known.has(kid)) return this.#known.get(kid)
    if (performance.now() >= this.#askFromMs) {
      this.#askFromMs = Number.POSITIVE_INFINITY
      this.#answer = this.#ask().finally(() => {
        this.#askFromMs = performance.now() + askAgainMs
      })
    }
    // Requests that come meanwhile wait for the same answer.
    await this.#answer
    return this.#known.get(kid)
  }

  async #ask() {
    const { keys } = JSON.parse(await this.#load())
    const usable = keys.filter(({ kty, crv }) => kty === 'EC' && crv === 'P-256')
    this.#known = new Map(usable.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]))
  }
}

/** Asks the gateway over HTTPS, believing only certificates of the CAs in `ca` (PEM), or those Node knows if it is undefined. */
export function fetchKeySet(url, ca) {
  return new Promise((resolve, reject) => {
    const request = get(url, { ca, signal: AbortSignal.timeout(5_000) }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
        if (text.length > keySetBytesMax) request.destroy(new Error('the key set is too large'))
      })
      response.on('error', reject)
      response.on('end', () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`status ${response.statusCode}`)),
      )
    })
    request.on('error', reject)
  })
}

/**
 * The claims of an assertion that is the gateway's, for this audience, and within its life. Throws `Refused` for anything else.
 * `clientCert`: value of `Client-Cert` of the same request; if given, the assertion must be about that certificate.
 */
export async function verifyAssertion(assertion, { keys, audience, clientCert, nowSeconds = Date.now() / 1_000 }) {
  expect(typeof assertion === 'string', 'there is none')
  expect(assertion.length <= assertionBytesMax, 'it is too long')
  const parts = assertion.split('.')
  expect(parts.length === 3 && parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part)), 'it is no JWT')
  const header = readJson(parts[0])
  // The one algorithm, whatever the header says: this is what keeps "none" and HMAC with the public key out.
  expect(header.alg === 'ES256' && typeof header.kid === 'string', 'it is not signed with ES256')
  const key = await keys.find(header.kid)
  expect(key !== undefined, 'its key is none of the gateway')
  const signature = Buffer.from(parts[2], 'base64url')
  const signed = Buffer.from(`${parts[0]}.${parts[1]}`)
  expect(verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature), 'its signature is wrong')
  return checkClaims(readJson(parts[1]), { audience, clientCert, nowSeconds })
}

function checkClaims(claims, { audience, clientCert, nowSeconds }) {
  const { iss, aud, iat, exp, jti, sub, login_method: loginMethod, cnf } = claims
  expect(iss === 'sekisho' && typeof aud === 'string' && aud === audience, 'it is for another audience')
  expect(Number.isInteger(iat) && Number.isInteger(exp) && exp - iat <= lifeSecondsMax, 'its times are none')
  expect(iat <= nowSeconds + leewaySeconds, 'it is from the future')
  expect(exp > nowSeconds - leewaySeconds, 'it has expired')
  expect(typeof jti === 'string' && jti !== '', 'it has no jti')
  expect(['certificate', 'password', 'none'].includes(loginMethod), 'its login method is unknown')
  // Only who came with a certificate has a name here.
  expect(
    (loginMethod === 'certificate') === (typeof sub === 'string' && sub !== ''),
    'login method and subject do not agree',
  )
  if (clientCert !== undefined)
    expect(cnf?.['x5t#S256'] === thumbprintOf(clientCert), 'it is about another certificate')
  return claims
}

/** SHA-256 of a certificate as RFC 9440 writes it: base64 of DER between colons. */
function thumbprintOf(clientCert) {
  const [, base64] = /^:([A-Za-z0-9+/]+=*):$/.exec(clientCert) ?? []
  expect(base64 !== undefined, 'Client-Cert holds no certificate')
  return createHash('sha256').update(Buffer.from(base64, 'base64')).digest('base64url')
}

function readJson(part) {
  let value
  try {
    value = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
  } catch {
    expect(false, 'it holds no JSON')
  }
  expect(typeof value === 'object' && value !== null && !Array.isArray(value), 'it holds no JSON object')
  return value
}

function expect(isTrue, otherwise) {
  if (!isTrue) throw new Refused(`Cannot accept the assertion: ${otherwise}`)
}

const [, program = ''] = process.argv
if (existsSync(program) && realpathSync(program) === fileURLToPath(import.meta.url)) {
  const options = {}
  for (let at = 2; at < process.argv.length; at += 2) options[process.argv[at]] = process.argv[at + 1]
  const place = options['--jwks']
  const ca = options['--ca'] === undefined ? undefined : readFileSync(options['--ca'], 'utf8')
  const keys = new Keys(async () =>
    place.startsWith('https:') ? await fetchKeySet(place, ca) : readFileSync(place, 'utf8'),
  )
  try {
    const assertion = readFileSync(0, 'utf8').trim()
    const rules = { keys, audience: options['--audience'], clientCert: options['--client-cert'] }
    console.log(JSON.stringify(await verifyAssertion(assertion, rules), null, 2))
  } catch (error) {
    console.error(error instanceof Refused ? error.message : `Cannot read the key set: ${error.message}`)
    process.exitCode = 1
  }
}
