import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { type CrlReading, type CrlReadOptions, readCrl } from '../../../src/x509/crl/read-crl.ts'
import { tags } from '../../../src/x509/der-reader.ts'
import {
  derBitString,
  derElement,
  derInteger,
  derOid,
  derSequence,
  derText,
  derTime,
} from '../../../src/x509/der-writer.ts'
import { type EncodedExtension, encodeExtension, keyIdentifierOf } from '../../../src/x509/encode-extensions.ts'
import { encodeName } from '../../../src/x509/encode-name.ts'
import { oids } from '../../../src/x509/oids.ts'
import { digestOf, encodeSigningAlgorithm, signingAlgorithmOf } from '../../../src/x509/signing-algorithm.ts'
import { createTestCa, subjectOf } from '../../helpers/test-ca.ts'

/**
 * The parts of a list, each as DER, so that every one of them can be left out (null) or written wrongly. What is left undefined is
 * written well: version 2, ECDSA or whatever fits the key, made in January 2026 for a month, no entries, number 7.
 */
export type ListParts = {
  readonly version?: Uint8Array | null
  readonly algorithm?: Uint8Array
  readonly outerAlgorithm?: Uint8Array
  readonly issuer?: Uint8Array
  readonly thisUpdate?: Uint8Array
  readonly nextUpdate?: Uint8Array | null
  readonly entries?: readonly Uint8Array[] | null
  readonly extensions?: readonly Uint8Array[] | null
  /** At the end of what is signed, of the list, and after it. */
  readonly more?: Uint8Array
  readonly outerMore?: Uint8Array
  readonly after?: Uint8Array
  readonly signature?: Uint8Array
}

export const thisUpdateMs = Date.parse('2026-01-01T00:00:00Z')
export const nextUpdateMs = Date.parse('2026-02-01T00:00:00Z')
export const revokedAtMs = Date.parse('2025-12-24T12:34:56Z')

export const ca = createTestCa({ commonName: 'crl-ca' })
export const publicKey = createPublicKey(ca.privateKey)

/** DER of a list that this key signs, by default the CA's above. */
export function writeList(parts: ListParts = {}, privateKey: KeyObject = ca.privateKey): Buffer {
  const signing = signingAlgorithmOf(privateKey)
  const algorithm = parts.algorithm ?? encodeSigningAlgorithm(signing)
  const entries = parts.entries ?? null
  const extensions = parts.extensions === undefined ? [numberExtension(7)] : parts.extensions
  const signed = derSequence(
    ...given(parts.version === undefined ? derInteger('1') : parts.version),
    algorithm,
    parts.issuer ?? encodeName(subjectOf('crl-ca')),
    parts.thisUpdate ?? derTime(thisUpdateMs),
    ...given(parts.nextUpdate === undefined ? derTime(nextUpdateMs) : parts.nextUpdate),
    ...given(entries && derSequence(...entries)),
    ...given(extensions && derElement(0xa0, derSequence(...extensions))),
    ...given(parts.more),
  )
  const signature = derBitString(sign(digestOf(signing), signed, privateKey))
  const outer = [signed, parts.outerAlgorithm ?? algorithm, parts.signature ?? signature, ...given(parts.outerMore)]
  return Buffer.concat([derSequence(...outer), ...given(parts.after)])
}

function given(part: Uint8Array | null | undefined): Uint8Array[] {
  return part === null || part === undefined ? [] : [part]
}

/** DER of one entry. The serial number is hex of a positive number, or DER. */
export function entryOf(serial: string | Uint8Array, parts: { time?: Uint8Array; extensions?: Uint8Array[] } = {}) {
  return derSequence(
    typeof serial === 'string' ? derInteger(serial) : serial,
    parts.time ?? derTime(revokedAtMs),
    ...given(parts.extensions && derSequence(...parts.extensions)),
  )
}

export function extensionOf(oid: string, valueDer: Uint8Array, critical = false): Uint8Array {
  return encodeExtension({ oid, critical, valueDer } satisfies EncodedExtension)
}

export function reasonExtension(code: number): Uint8Array {
  return extensionOf(oids.reasonCode, derElement(0x0a, Uint8Array.of(code)))
}

export function invalidityExtension(digits: string): Uint8Array {
  return extensionOf(oids.invalidityDate, derText(tags.generalizedTime, digits))
}

/** Names another issuer, so that the list is an indirect one. */
export function certificateIssuerExtension(): Uint8Array {
  return extensionOf(oids.certificateIssuer, derSequence(derElement(0xa4, encodeName(subjectOf('other')))), true)
}

export function numberExtension(number: number): Uint8Array {
  return extensionOf(oids.crlNumber, derInteger(number.toString(16)))
}

export function deltaExtension(base: number): Uint8Array {
  return extensionOf(oids.deltaCrlIndicator, derInteger(base.toString(16)), true)
}

/** The fields of an issuing distribution point. */
export function pointExtension(...fields: readonly Uint8Array[]): Uint8Array {
  return extensionOf(oids.issuingDistributionPoint, derSequence(...fields), true)
}

export function flag(tag: number): Uint8Array {
  return derElement(tag, Uint8Array.of(0xff))
}

/** Of the CA above, or of another key. */
export function keyExtension(key: KeyObject = publicKey): Uint8Array {
  const identifier = keyIdentifierOf(key.export({ type: 'spki', format: 'der' }))
  return extensionOf(oids.authorityKeyIdentifier, derSequence(derElement(0x80, identifier)))
}

/** An extension that nobody knows. */
export function unknownExtension(critical: boolean): Uint8Array {
  return extensionOf('1.2.3.4', derSequence(derOid('1.2.3')), critical)
}

/** Gives `bytes` in chunks of this size, in one buffer that is overwritten each time, as a file is read. */
export function inChunks(bytes: Uint8Array, chunkBytes: number): () => Uint8Array | undefined {
  const buffer = new Uint8Array(chunkBytes)
  let at = 0
  return () => {
    buffer.fill(0xaa)
    if (at >= bytes.length) return undefined
    const chunk = bytes.subarray(at, at + chunkBytes)
    at += chunk.length
    buffer.set(chunk)
    return buffer.subarray(0, chunk.length)
  }
}

/** Reads a list, verified by the CA's key unless told otherwise. */
export function readBytes(
  bytes: Uint8Array,
  options: Partial<CrlReadOptions> & { chunkBytes?: number } = {},
): CrlReading {
  const { chunkBytes = 4_096, ...rest } = options
  return readCrl(inChunks(bytes, chunkBytes), { entriesMax: 100_000, bytesMax: 10_000_000, publicKey, ...rest })
}
