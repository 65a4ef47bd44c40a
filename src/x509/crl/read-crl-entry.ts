import { type DerReader, tags, unreadable } from '../der-reader.ts'
import { oids } from '../oids.ts'
import { readGeneralName } from '../read-general-name.ts'
import { readTime } from '../read-time.ts'
import type { CrlEntries } from './crl-entries.ts'
import { crlReasons } from './crl-reasons.ts'
import { type CrlExtension, eachExtension } from './each-extension.ts'

const serialOctetsMax = 20
const enumeratedTag = 0x0a
/** A list with unknown critical extensions is refused: more than so many need not be named. */
const unknownNamedMax = 16

/** Reads the entries of one list, one after the other, and notes what they have besides. */
export class CrlEntryReader {
  readonly #entries: CrlEntries
  readonly #version: 1 | 2
  readonly #unknownCritical = new Set<string>()
  /** Entries whose serial number no certificate taken here can have: zero, negative or over 20 octets. */
  passedOver = 0
  hasOtherIssuers = false
  #reasonCode: number | undefined
  #invalidityDateMs: number | undefined

  constructor(entries: CrlEntries, version: 1 | 2) {
    this.#entries = entries
    this.#version = version
  }

  get unknownCriticalExtensions(): readonly string[] {
    return [...this.#unknownCritical]
  }

  /** The entry that is next of `reader`. Throws `certificate_unreadable`. */
  read(reader: DerReader): void {
    const fields = reader.enter(tags.sequence)
    const { contentStart, end } = fields.integer()
    const revokedAtMs = readTime(fields)
    this.#reasonCode = undefined
    this.#invalidityDateMs = undefined
    if (!fields.done) {
      if (this.#version === 1) throw unreadable(fields.position, 'an entry with extensions in a list of version 1')
      eachExtension(fields, this.#takeExtension)
    }
    const { bytes } = reader
    const first = bytes[contentStart] as number
    const start = first === 0 ? contentStart + 1 : contentStart
    if (first >= 0x80 || start === end || end - start > serialOctetsMax) {
      this.passedOver++
      return
    }
    const reasonCode = this.#reasonCode
    this.#entries.add({ bytes, start, end, revokedAtMs, reasonCode, invalidityDateMs: this.#invalidityDateMs })
  }

  readonly #takeExtension = ({ oid, critical, value }: CrlExtension): void => {
    switch (oid) {
      case oids.reasonCode:
        this.#reasonCode = readReason(value)
        break
      case oids.invalidityDate:
        if (value.peek() !== tags.generalizedTime) throw unreadable(value.position, 'a malformed invalidity date')
        this.#invalidityDateMs = readTime(value)
        value.finish()
        break
      case oids.certificateIssuer:
        readCertificateIssuer(value)
        this.hasOtherIssuers = true
        break
      default:
        if (critical && this.#unknownCritical.size < unknownNamedMax) this.#unknownCritical.add(oid)
    }
  }
}

/** CRLReason (RFC 5280 5.3.1). */
function readReason(value: DerReader): number {
  const element = value.read(enumeratedTag)
  value.finish()
  const code = value.bytes[element.contentStart] as number
  if (element.end - element.contentStart !== 1 || !Object.hasOwn(crlReasons, code)) {
    throw unreadable(element.start, 'an unknown reason code')
  }
  return code
}

/** CertificateIssuer (RFC 5280 5.3.3): whose certificates this entry and those after it mean. Only its form counts here. */
function readCertificateIssuer(value: DerReader): void {
  const names = value.enter(tags.sequence)
  value.finish()
  do readGeneralName(names, 'name')
  while (!names.done)
}
