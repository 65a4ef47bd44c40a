import { closeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fetchCrl } from '../../ca-sources/crl-fetch.ts'
import { openList, openNameless, pullFrom } from '../../ca-sources/crl-files.ts'
import { OcspResponder } from '../../ca-sources/ocsp-responder.ts'
import type { CrlListConfig, CrlPlace, IssuerConfig, OcspConfig } from '../../config/gateway-config.ts'
import { checkCrl } from '../../x509/crl/check-crl.ts'
import { pemOrDer } from '../../x509/crl/pem-or-der.ts'
import { readCrl } from '../../x509/crl/read-crl.ts'
import { readIssuingCa } from '../../x509/issuing-ca.ts'
import { relativeTime } from '../relative-time.ts'
import type { Examined } from './examined.ts'
import { bad, type Check, type Finding, ok, reasonOf, warn } from './finding.ts'

type Subject = Pick<Examined, 'config' | 'nowMs' | 'timeoutMs'>

/** No certificate needs to have it: the responder has to say something of it all the same. */
const serialAsked = '1'

/** Every place of a CRL and every OCSP responder: there, and what comes from it would be taken. Nothing is put in force. */
export function sourceChecks(examined: Subject): readonly Check[] {
  const check = (subject: string, run: () => Promise<Finding>): Check => ({
    group: 'Revocation lists and responders',
    subject,
    run: async () => [await run()],
  })
  return examined.config.issuers.flatMap((issuer) => [
    ...(issuer.crls ?? []).flatMap((list) =>
      [...list.from, ...list.delta].map((place) => {
        const subject = `${issuer.name} ${list.name} ${placeName(place)}`
        return check(subject, () => placeFinding(subject, { issuer, list, place }, examined))
      }),
    ),
    ...[issuer.ocsp ?? []].flat().map((ocsp) => {
      const subject = `${issuer.name} ${ocsp.url}`
      return check(subject, () => responderFinding(subject, { issuer, ocsp }, examined))
    }),
  ])
}

function placeName(place: CrlPlace): string {
  return place.kind === 'url' ? place.url : place.path
}

type Place = { readonly issuer: IssuerConfig; readonly list: CrlListConfig; readonly place: CrlPlace }

async function placeFinding(subject: string, { issuer, list, place }: Place, examined: Subject): Promise<Finding> {
  const { nowMs, config } = examined
  let file: number | undefined
  try {
    file = await openPlace(place, list, examined)
    const ca = readIssuingCa(issuer, nowMs)
    const { bytesMax, entriesMax, clockSkewSeconds } = config.crlFetch
    const reading = readCrl(pemOrDer(pullFrom(file)), { bytesMax, entriesMax, publicKey: ca.publicKey })
    const { kind, warnings } = checkCrl(reading, ca, { nowMs, clockSkewMs: clockSkewSeconds * 1_000 })
    const next = reading.nextUpdateMs
    const until = next === undefined ? '' : `; the next one is due ${relativeTime(next, nowMs)}`
    const detail = `${reading.entries.count} entries, made ${relativeTime(reading.thisUpdateMs, nowMs)}${until}`
    const fix = 'Ask the CA why it has made no newer list; until then the gateway goes on with this one'
    if (kind === 'expired') return bad(subject, `${detail}: it is late`, fix)
    return warnings[0] === undefined ? ok(subject, detail) : warn(subject, `${detail}; ${warnings[0]}`, 'Tell the CA')
  } catch (error) {
    const fix =
      place.kind === 'url'
        ? `Try curl -o list.crl ${place.url} and sekisho crl inspect list.crl --issuer CA.pem; then open the way, or correct from and ca`
        : `Look at it: sekisho crl inspect ${place.path} --issuer CA.pem; then see who should put it there`
    return bad(subject, reasonOf(error), fix)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

async function openPlace(place: CrlPlace, { caPem }: CrlListConfig, { config, timeoutMs }: Subject): Promise<number> {
  const limits = { ...config.crlFetch, timeoutMs: Math.min(timeoutMs, config.crlFetch.timeoutMs) }
  if (place.kind === 'file') return openList(place.path, limits.bytesMax)
  const file = openNameless(tmpdir())
  try {
    await fetchCrl({ url: place.url, caPem, etag: undefined, lastModified: undefined, limits }, file)
    return file
  } catch (error) {
    closeSync(file)
    throw error
  }
}

type Asked = { readonly issuer: IssuerConfig; readonly ocsp: OcspConfig }

async function responderFinding(subject: string, { issuer, ocsp }: Asked, examined: Subject): Promise<Finding> {
  const { nowMs, config, timeoutMs } = examined
  const limited = { ...ocsp, timeoutMs: Math.min(ocsp.timeoutMs, timeoutMs) }
  const responder = new OcspResponder(readIssuingCa(issuer, nowMs), limited)
  try {
    await responder.ask(serialAsked, { nowMs: () => nowMs, clockSkewMs: config.crlFetch.clockSkewSeconds * 1_000 })
    return ok(subject, `it answers, and its signature is good; policy ${ocsp.policy}`)
  } catch (error) {
    const why = reasonOf(error)
    // Responders that sign in advance have nothing to say of a certificate that does not exist (RFC 5019 2.2.3).
    if (/unauthorized/.test(why)) {
      const fix = `Try it with a real certificate: openssl ocsp -url ${ocsp.url} -issuer CA.pem -cert USER.pem`
      return warn(subject, 'it answers, but has nothing to say of the serial number that was tried', fix)
    }
    const users = ocsp.policy === 'mustBeGood' ? ' (mustBeGood: nobody of this issuer gets in meanwhile)' : ''
    const fix = `Try openssl ocsp -url ${ocsp.url} -issuer CA.pem -serial 1; then open the way, or correct ocsp.url and ocsp.ca`
    return bad(subject, `${why}${users}`, fix)
  } finally {
    responder.close()
  }
}
