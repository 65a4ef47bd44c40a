import { get } from 'node:https'
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { Clock } from '../base/clock.ts'

/** What the gateway vouches for. `loginId` is there exactly when the user came with a certificate. */
export type AssertionClaims =
  | { readonly loginMethod: 'certificate'; readonly loginId: string }
  | { readonly loginMethod: 'password'; readonly loginId: undefined }

/** Resolves with the claims of a valid assertion; rejects for any other text. */
export type VerifyAssertion = (jwt: string) => Promise<AssertionClaims>

// The gateway sends one assertion for many requests of a connection, so most requests are answered from here.
const cacheEntriesMax = 1_000
const keySetAgeMinMs = 500
const keySetBytesMax = 65_536
const keySetTimeoutMs = 5_000

/**
 * Checks `Sekisho-Assertion`: an ES256 JWT for this audience, within its life, made with one of the gateway's keys.
 * The key set is asked for again when an assertion names a key it does not hold, at most twice a second.
 */
export function createVerifyAssertion(options: {
  readonly jwks: () => Promise<JSONWebKeySet>
  readonly audience: string
  readonly clock: Clock
}): VerifyAssertion {
  const { audience, clock } = options
  const known = new Map<string, { claims: AssertionClaims; expiresAtMs: number }>()
  const keySet = createKeySet(options)

  return async (jwt) => {
    const hit = known.get(jwt)
    if (hit !== undefined && clock.nowMs() < hit.expiresAtMs) return hit.claims
    known.delete(jwt)
    const { payload } = await jwtVerify(jwt, keySet, {
      algorithms: ['ES256'],
      issuer: 'sekisho',
      audience,
      requiredClaims: ['exp', 'iat', 'jti', 'login_method'],
      currentDate: new Date(clock.nowMs()),
    })
    const claims = readClaims(payload)
    if (known.size >= cacheEntriesMax) known.clear()
    known.set(jwt, { claims, expiresAtMs: Number(payload.exp) * 1_000 })
    return claims
  }
}

/** Fetches the gateway's key set over HTTPS, trusting only `ca` (PEM). */
export function fetchKeySet({ url, ca }: { url: string; ca: string }): Promise<JSONWebKeySet> {
  return new Promise((resolve, reject) => {
    const request = get(url, { ca, agent: false, timeout: keySetTimeoutMs }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length > keySetBytesMax) request.destroy(new Error('Cannot read the key set: it is too large'))
      })
      response.on('error', reject)
      response.on('end', () => {
        try {
          if (response.statusCode !== 200) throw new Error(`Cannot read the key set: status is ${response.statusCode}`)
          resolve(JSON.parse(text) as JSONWebKeySet)
        } catch (error) {
          reject(error)
        }
      })
    })
    request.on('timeout', () => request.destroy(new Error('Cannot read the key set: no answer in time')))
    request.on('error', reject)
  })
}

function readClaims(payload: { sub?: string; login_method?: unknown }): AssertionClaims {
  const { sub, login_method } = payload
  if (login_method === 'certificate' && typeof sub === 'string' && sub !== '') {
    return { loginMethod: 'certificate', loginId: sub }
  }
  if (login_method === 'password' && sub === undefined) return { loginMethod: 'password', loginId: undefined }
  throw new Error('Cannot read the assertion: login method and subject do not belong together')
}

function createKeySet({ jwks, clock }: { jwks: () => Promise<JSONWebKeySet>; clock: Clock }): JWTVerifyGetKey {
  let current: JWTVerifyGetKey | undefined
  let fetchedAtMs = Number.NEGATIVE_INFINITY
  let fetching: Promise<void> | undefined

  const fetchAgain = () => {
    fetching ??= jwks()
      .then((keys) => {
        current = createLocalJWKSet(keys)
      })
      .finally(() => {
        fetchedAtMs = clock.monotonicMs()
        fetching = undefined
      })
    return fetching
  }
  return async (header, token) => {
    if (current === undefined) await fetchAgain()
    if (current === undefined) throw new errors.JWKSNoMatchingKey()
    try {
      return await current(header, token)
    } catch (error) {
      const tooSoon = fetching === undefined && clock.monotonicMs() - fetchedAtMs < keySetAgeMinMs
      if (!(error instanceof errors.JWKSNoMatchingKey) || tooSoon) throw error
      await fetchAgain()
      return current(header, token)
    }
  }
}
