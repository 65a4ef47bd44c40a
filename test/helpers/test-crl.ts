import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { assembleSigned } from '../../src/x509/build-certificate.ts'
import { derElement, derInteger, derSequence, derTime } from '../../src/x509/der-writer.ts'
import { type EncodedExtension, encodeExtension, keyIdentifierOf } from '../../src/x509/encode-extensions.ts'
import { encodeName } from '../../src/x509/encode-name.ts'
import { oids } from '../../src/x509/oids.ts'
import {
  digestOf,
  encodeSigningAlgorithm,
  type SigningHash,
  signingAlgorithmOf,
} from '../../src/x509/signing-algorithm.ts'
import type { TestCa } from './test-ca.ts'

/** One revoked certificate of a list. */
export type TestCrlEntry = {
  /** Hex of a number that is not negative. */
  readonly serial: string
  /** Unit: milliseconds since the epoch. Default: thisUpdate of the list. */
  readonly revokedAtMs?: number
  /** RFC 5280 5.3.1; left out: the entry has no such extension. */
  readonly reasonCode?: number
  readonly extensions?: readonly EncodedExtension[]
}

export type TestCrlOptions = {
  readonly issuerKey: KeyObject
  readonly issuerNameDer: Uint8Array
  /** Undefined: the list has no number. */
  readonly number?: number | bigint | undefined
  readonly thisUpdateMs: number
  /** Undefined: the list has no nextUpdate. */
  readonly nextUpdateMs?: number | undefined
  readonly entries: readonly TestCrlEntry[]
  /** Defined: a delta list, the difference to the list of this number. */
  readonly deltaBase?: number | bigint | undefined
  /** Beside those that the options above make. */
  readonly extensions?: readonly EncodedExtension[]
  readonly hash?: SigningHash
}

/** A signed CRL (RFC 5280 5, version 2), in DER. */
export function buildTestCrl(options: TestCrlOptions): Uint8Array {
  const { issuerKey, issuerNameDer, thisUpdateMs, nextUpdateMs, entries, hash } = options
  const algorithm = signingAlgorithmOf(issuerKey, hash)
  const tbs = derSequence(
    derInteger('1'),
    encodeSigningAlgorithm(algorithm),
    issuerNameDer,
    derTime(thisUpdateMs),
    ...(nextUpdateMs === undefined ? [] : [derTime(nextUpdateMs)]),
    // An empty list of entries must be left out (RFC 5280 5.1.2.6).
    ...(entries.length === 0 ? [] : [derSequence(...entries.map((entry) => encodeEntry(entry, thisUpdateMs)))]),
    derElement(0xa0, derSequence(...extensionsOf(options).map(encodeExtension))),
  )
  return assembleSigned(tbs, { algorithm, signature: sign(digestOf(algorithm), tbs, issuerKey) })
}

/** A CRL of a test CA: valid from an hour before `nowMs` until a day after it, unless said otherwise. */
export function crlOf(
  ca: TestCa,
  nowMs: number,
  options: Partial<TestCrlOptions> & { readonly serials?: readonly string[] } = {},
): Uint8Array {
  const { serials = [], ...rest } = options
  return buildTestCrl({
    issuerKey: ca.privateKey,
    issuerNameDer: encodeName(ca.subject),
    thisUpdateMs: nowMs - 3_600_000,
    nextUpdateMs: nowMs + 86_400_000,
    entries: serials.map((serial) => ({ serial })),
    ...rest,
  })
}

function extensionsOf({ issuerKey, number, deltaBase, extensions = [] }: TestCrlOptions): EncodedExtension[] {
  const spki = createPublicKey(issuerKey).export({
    type: 'spki',
    format: 'der',
  })
  return [
    {
      oid: oids.authorityKeyIdentifier,
      critical: false,
      valueDer: derSequence(derElement(0x80, keyIdentifierOf(spki))),
    },
    ...(number === undefined
      ? []
      : [{ oid: oids.crlNumber, critical: false, valueDer: derInteger(number.toString(16)) }]),
    ...(deltaBase === undefined
      ? []
      : [{ oid: oids.deltaCrlIndicator, critical: true, valueDer: derInteger(deltaBase.toString(16)) }]),
    ...extensions,
  ]
}

function encodeEntry(entry: TestCrlEntry, thisUpdateMs: number): Uint8Array {
  const { serial, revokedAtMs = thisUpdateMs, reasonCode, extensions = [] } = entry
  const all = [
    ...(reasonCode === undefined
      ? []
      : [{ oid: oids.reasonCode, critical: false, valueDer: derElement(0x0a, Uint8Array.of(reasonCode)) }]),
    ...extensions,
  ]
  return derSequence(
    derInteger(serial),
    derTime(revokedAtMs),
    ...(all.length === 0 ? [] : [derSequence(...all.map(encodeExtension))]),
  )
}
