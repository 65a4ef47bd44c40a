import { createSign, hash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { CertificateSigner } from '../../src/x509/build-certificate.ts'
import { DerReader, tags } from '../../src/x509/der-reader.ts'
import { derBitString, derElement, derInteger, derOid, derSequence, derTime } from '../../src/x509/der-writer.ts'
import { oids } from '../../src/x509/oids.ts'

/** What a certificate revocation list says (RFC 5280 5, version 2). */
export type CrlTemplate = {
  /** A CA with a P-256 key. */
  readonly issuer: CertificateSigner
  /** Lower-case hex of positive numbers, at most 20 octets each, in the order in which they are written. */
  readonly serials: readonly string[]
  /** When it was made and when the serials were revoked. Unit: milliseconds since the epoch. */
  readonly thisUpdateMs: number
  /** Unit: milliseconds since the epoch. */
  readonly nextUpdateMs: number
  readonly number: number
  /** Of every entry (RFC 5280 5.3.1); left out: entries have no extensions. */
  readonly reasonCode?: number
}

const chunkBytes = 65_536
/** Header, serial of 20 octets and one for the sign, GeneralizedTime, reason. */
const entryBytesMax = 64
/** Octets in a line of PEM. */
const lineBytes = 48

const ecdsaWithSha256 = derSequence(derOid('1.2.840.10045.4.3.2'))

/**
 * Writes a signed list (DER) piece by piece, so that a million entries need no memory of their own: lengths are computed
 * first, the entries are then made twice, once for the signature and once for the file. Resolves with the bytes written.
 */
export async function writeCrl(file: string, template: CrlTemplate): Promise<number> {
  const signer = createSign('sha256')
  for (const part of signedParts(template)) signer.update(part)
  const signature = derBitString(signer.sign(template.issuer.privateKey))
  const tail = Buffer.concat([ecdsaWithSha256, signature])
  const [head] = signedParts(template)
  const signedBytes = (head?.length ?? 0) + entriesBytes(template) + extensionsOf(template).length
  const start = sequenceHead(signedBytes + tail.length)
  await pipeline(Readable.from(allParts(template, { start, tail })), createWriteStream(file))
  return start.length + signedBytes + tail.length
}

/** Writes DER files one after the other as PEM blocks. Resolves with the bytes written. */
export async function writeCrlPem(file: string, derFiles: readonly string[]): Promise<number> {
  const target = createWriteStream(file)
  await pipeline(Readable.from(pemParts(derFiles)), target)
  return target.bytesWritten
}

function* allParts(template: CrlTemplate, around: { start: Uint8Array; tail: Uint8Array }): Iterable<Uint8Array> {
  yield around.start
  yield* signedParts(template)
  yield around.tail
}

/** TBSCertList; the first part is everything before the entries. */
function* signedParts(template: CrlTemplate): Iterable<Uint8Array> {
  const { issuer, serials } = template
  const fixed = Buffer.concat([
    derInteger('1'),
    ecdsaWithSha256,
    issuer.nameDer,
    derTime(template.thisUpdateMs),
    derTime(template.nextUpdateMs),
  ])
  const bytes = entriesBytes(template)
  // An empty list of entries must be left out (RFC 5280 5.1.2.6).
  const listHead = serials.length === 0 ? new Uint8Array() : sequenceHead(bytes)
  const extensions = extensionsOf(template)
  yield Buffer.concat([sequenceHead(fixed.length + listHead.length + bytes + extensions.length), fixed, listHead])
  yield* entryParts(template)
  yield extensions
}

function* entryParts(template: CrlTemplate): Iterable<Uint8Array> {
  const end = entryEnd(template)
  let chunk = Buffer.allocUnsafe(chunkBytes)
  let used = 0
  for (const serial of template.serials) {
    if (used + entryBytesMax > chunk.length) {
      yield chunk.subarray(0, used)
      // The one before may still wait to be written.
      chunk = Buffer.allocUnsafe(chunkBytes)
      used = 0
    }
    used = writeEntry(chunk, used, { serial, end })
  }
  if (used > 0) yield chunk.subarray(0, used)
}

/** One entry of revokedCertificates: SEQUENCE of the serial and what follows it. Returns the place after it. */
function writeEntry(chunk: Buffer, at: number, entry: { serial: string; end: Uint8Array }): number {
  const { serial, end } = entry
  const serialBytes = serialBytesOf(serial)
  chunk[at] = tags.sequence
  chunk[at + 1] = 2 + serialBytes + end.length
  chunk[at + 2] = tags.integer
  chunk[at + 3] = serialBytes
  const digits = serial.padStart(serialBytes * 2, '0')
  chunk.write(digits, at + 4, 'hex')
  chunk.set(end, at + 4 + serialBytes)
  return at + 4 + serialBytes + end.length
}

/** What is the same in every entry: time and reason. */
function entryEnd({ thisUpdateMs, reasonCode }: CrlTemplate): Uint8Array {
  if (reasonCode === undefined) return derTime(thisUpdateMs)
  const reason = derElement(tags.octetString, derElement(0x0a, Uint8Array.of(reasonCode)))
  return Buffer.concat([derTime(thisUpdateMs), derSequence(derSequence(derOid(oids.reasonCode), reason))])
}

/** Octets of the INTEGER's contents: one more where the first bit would read as a sign. */
function serialBytesOf(serial: string): number {
  const digits = serial.length
  return digits % 2 === 0 && serial.charCodeAt(0) >= 0x38 ? digits / 2 + 1 : Math.ceil(digits / 2)
}

function entriesBytes(template: CrlTemplate): number {
  const endBytes = entryEnd(template).length
  let sum = 0
  for (const serial of template.serials) sum += 4 + serialBytesOf(serial) + endBytes
  return sum
}

function extensionsOf({ issuer, number }: CrlTemplate): Uint8Array {
  const extension = (oid: string, valueDer: Uint8Array) =>
    derSequence(derOid(oid), derElement(tags.octetString, valueDer))
  return derElement(
    0xa0,
    derSequence(
      extension(oids.authorityKeyIdentifier, derSequence(derElement(0x80, keyIdentifierOf(issuer.publicKeyDer)))),
      extension(oids.crlNumber, derInteger(number.toString(16))),
    ),
  )
}

/** As `buildCertificate` makes it: the first 160 bits of the SHA-256 of the key itself (RFC 7093 2, method 1). */
function keyIdentifierOf(publicKeyDer: Uint8Array): Uint8Array {
  const fields = new DerReader(publicKeyDer).enter(tags.sequence)
  fields.read(tags.sequence)
  return hash('sha256', fields.wholeOctets(), 'buffer').subarray(0, 20)
}

/** Tag and length of a SEQUENCE whose contents follow. */
function sequenceHead(bytes: number): Uint8Array {
  if (bytes < 0x80) return Uint8Array.of(tags.sequence, bytes)
  const hex = bytes.toString(16)
  const octets = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
  return Buffer.concat([Uint8Array.of(tags.sequence, 0x80 | octets.length), octets])
}

async function* pemParts(derFiles: readonly string[]): AsyncIterable<string> {
  for (const derFile of derFiles) {
    yield '-----BEGIN X509 CRL-----\n'
    const source = await open(derFile)
    try {
      const chunk = Buffer.alloc(lineBytes * 1_024)
      for (;;) {
        const { bytesRead } = await source.read(chunk, 0, chunk.length)
        if (bytesRead === 0) break
        yield chunk
          .subarray(0, bytesRead)
          .toString('base64')
          .replace(/.{1,64}/g, '$&\n')
      }
    } finally {
      await source.close()
    }
    yield '-----END X509 CRL-----\n'
  }
}
