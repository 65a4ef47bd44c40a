import { createHash } from 'node:crypto'
import { closeSync } from 'node:fs'
import { assert } from '../base/assert.ts'
import { GatewayError } from '../base/errors.ts'
import type { CrlPlace } from '../config/gateway-config.ts'
import { fingerprintOf } from '../trust/fingerprint.ts'
import { RevocationIndex } from '../trust/revocation-index.ts'
import { certificateKey } from '../x509/certificate-key.ts'
import { checkCrl } from '../x509/crl/check-crl.ts'
import { removeFromCrl } from '../x509/crl/crl-reasons.ts'
import { pemOrDer } from '../x509/crl/pem-or-der.ts'
import { type CrlReading, readCrl } from '../x509/crl/read-crl.ts'
import { fetchCrl } from './crl-fetch.ts'
import { openList, openNameless, pullFrom } from './crl-files.ts'
import {
  type FoundCrl,
  type LookMessage,
  type LookOrder,
  type LookReport,
  type PlaceFault,
  placeName,
  type TakenCrl,
  takenOf,
} from './crl-messages.ts'
import { judgeCrl } from './crl-verdict.ts'

/** What the looking tells while it goes on; resolves when that is done. */
export type LookTalk = {
  tell(message: Exclude<LookMessage, { type: 'phase' | 'done' }>): Promise<void>
  phase(phase: 'transfer' | 'reading'): void
}

/** Entries told at a time. */
const batchMax = 1_000

/** Worst last: what is reported where no place gave anything. */
const faultOrder: readonly PlaceFault['result'][] = ['unreachable', 'unreadable', 'refused', 'rolled_back']

type Found = Pick<TakenCrl, 'place' | 'etag' | 'lastModified'>
type PlaceResult = { readonly result: 'applied' | 'unchanged' | 'expired'; readonly unchanged: TakenCrl | undefined }

/**
 * Looks at the places of a list in turn until one gives a good one, and tells what of it is new here. An expired list is taken, and the
 * next place is looked at nevertheless: it may have a newer one.
 */
export async function lookAtPlaces(order: LookOrder, talk: LookTalk): Promise<LookReport> {
  const faults: PlaceFault[] = []
  let expired: PlaceResult | undefined
  for (const place of order.places) {
    const name = placeName(place)
    try {
      const found = await lookAt(place, order, talk)
      if (found.result !== 'expired') return { ...found, faults }
      expired ??= found
      faults.push({ place: name, result: 'expired', fault: 'its nextUpdate is past' })
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      faults.push({ place: name, result: resultOf(error), fault: error.message })
    }
  }
  if (expired !== undefined) return { ...expired, faults }
  const worst = Math.max(0, ...faults.map(({ result }) => faultOrder.indexOf(result)))
  return { result: faultOrder[worst] ?? 'unreachable', faults, unchanged: undefined }
}

async function lookAt(place: CrlPlace, order: LookOrder, talk: LookTalk): Promise<PlaceResult> {
  const { folder, limits } = order
  const known = order.kind === 'delta' ? order.known.delta : order.known.complete
  const file = place.kind === 'file' ? openList(place.path, limits.bytesMax) : openNameless(folder)
  try {
    let found: Found = { place: placeName(place) }
    if (place.kind === 'url') {
      talk.phase('transfer')
      const same = known?.place === place.url ? known : undefined
      const { etag, lastModified } = same ?? {}
      const fetched = await fetchCrl({ url: place.url, caPem: order.caPem, etag, lastModified, limits }, file)
      if (fetched.kind === 'unchanged' && same !== undefined) return asBefore(same, found, order)
      assert(fetched.kind === 'list', 'only a conditional request is answered with 304')
      found = { ...found, etag: fetched.etag, lastModified: fetched.lastModified }
    }
    talk.phase('reading')
    const sha256 = digestOf(file)
    if (order.kind !== 'import' && known?.sha256 === sha256) return asBefore(known, found, order)
    return await take(file, { order, found, sha256, talk })
  } finally {
    closeSync(file)
  }
}

/** The list is the one that was taken last, so only the time can have changed. */
function asBefore(known: TakenCrl, found: Found, { nowMs, limits }: LookOrder): PlaceResult {
  const untilMs = known.nextUpdateMs ?? Number.POSITIVE_INFINITY
  const isExpired = nowMs > untilMs + limits.clockSkewSeconds * 1_000
  return { result: isExpired ? 'expired' : 'unchanged', unchanged: { ...known, ...found } }
}

type Taking = {
  readonly order: LookOrder
  readonly found: Found
  readonly sha256: string
  readonly talk: LookTalk
}

async function take(file: number, { order, found, sha256, talk }: Taking): Promise<PlaceResult> {
  const { issuer, limits, nowMs } = order
  const { entriesMax, bytesMax, clockSkewSeconds } = limits
  const reading = readCrl(pemOrDer(pullFrom(file)), { entriesMax, bytesMax, publicKey: issuer.publicKey })
  const { kind, warnings } = checkCrl(reading, issuer, { nowMs, clockSkewMs: clockSkewSeconds * 1_000 })
  const list = listOf(reading, { ...found, sha256, expired: kind === 'expired' })
  const verdict = judgeCrl(list, order.kind, order.known)
  switch (verdict.kind) {
    case 'nothing_new':
      return { result: list.expired ? 'expired' : 'unchanged', unchanged: takenOf(list) }
    case 'rolled_back':
      throw new RolledBack(verdict.reason)
    case 'refused':
      throw refused(verdict.reason)
    case 'take': {
      const { knownEntries, passedOver } = await tellNew(reading, list, { order, talk })
      const about = [...warnings, ...verdict.warnings, ...passedOverWarnings(list, passedOver)]
      await talk.tell({ type: 'taken', list, knownEntries, warnings: about })
      return { result: list.expired ? 'expired' : 'applied', unchanged: undefined }
    }
  }
}

/** Tells the entries that are not revoked here; returns how many others there are. */
async function tellNew(
  { entries }: CrlReading,
  list: FoundCrl,
  { order, talk }: Pick<Taking, 'order' | 'talk'>,
): Promise<{ knownEntries: number; passedOver: number }> {
  const index = new RevocationIndex(order.index)
  const { issuerId } = order.issuer
  const told = { known: 0, passedOver: 0 }
  const removed: string[] = []
  let serials: string[] = []
  let reasonCodes = new Uint8Array(batchMax)
  const flush = async () => {
    if (serials.length > 0) await talk.tell({ type: 'revoke', list, serials, reasonCodes })
    serials = []
    reasonCodes = new Uint8Array(batchMax)
  }
  for (const { serialHex: serial, reasonCode = 0 } of entries.iterate()) {
    const isRevoked = index.has(fingerprintOf('revoked', certificateKey(issuerId, serial)))
    if (reasonCode === removeFromCrl) {
      if (!order.tellsRemoved || list.baseNumber === undefined) told.passedOver++
      else if (isRevoked) removed.push(serial)
    } else if (isRevoked) {
      told.known++
    } else {
      reasonCodes[serials.length] = reasonCode
      if (serials.push(serial) === batchMax) await flush()
    }
  }
  await flush()
  for (let first = 0; first < removed.length; first += batchMax) {
    await talk.tell({ type: 'remove', list, serials: removed.slice(first, first + batchMax) })
  }
  return { knownEntries: told.known, passedOver: told.passedOver }
}

/** In a complete list they mean nothing, which `checkCrl` says. */
function passedOverWarnings({ baseNumber }: FoundCrl, removed: number): string[] {
  if (baseNumber === undefined || removed === 0) return []
  return [`${removed} entries with removeFromCRL were passed over: what is revoked stays so`]
}

function listOf(reading: CrlReading, found: Found & { sha256: string; expired: boolean }): FoundCrl {
  const { number, baseNumber, thisUpdateMs, nextUpdateMs, entries } = reading
  return {
    ...found,
    number: number?.toString(),
    baseNumber: baseNumber?.toString(),
    thisUpdateMs,
    nextUpdateMs,
    entries: entries.count,
  }
}

/** Of the DER, so that a list is the same in PEM. */
function digestOf(file: number): string {
  const hash = createHash('sha256')
  const pull = pemOrDer(pullFrom(file))
  for (let chunk = pull(); chunk !== undefined; chunk = pull()) hash.update(chunk)
  return hash.digest('hex')
}

/** Good by itself, but older than what was taken. */
class RolledBack extends GatewayError {
  constructor(reason: string) {
    super('crl_refused', `Cannot take the CRL as it went back: ${reason}`)
  }
}

function refused(reason: string): GatewayError {
  return new GatewayError('crl_refused', `Cannot take the CRL as ${reason}`)
}

function resultOf(error: GatewayError): PlaceFault['result'] {
  if (error instanceof RolledBack) return 'rolled_back'
  switch (error.code) {
    case 'crl_unavailable':
      return 'unreachable'
    case 'crl_unreadable':
      return 'unreadable'
    case 'crl_refused':
      return 'refused'
    default:
      throw error
  }
}
