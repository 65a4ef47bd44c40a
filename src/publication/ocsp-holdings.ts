import { type Fingerprint, fingerprintOf } from '../trust/fingerprint.ts'
import { type CertificateKey, certificateKey } from '../x509/certificate-key.ts'
import type { CertificateStatus } from '../x509/ocsp/build-response.ts'
import type { SerialAnswer } from './ports.ts'

/** A signed response to a request about one certificate, without nonce. */
export type SignedAnswer = {
  /** The CertID as it was asked, an octet for each character: the same certificate can be named by several hashes. */
  readonly certId: string
  readonly status: CertificateStatus
  /** The last part belongs to the signer: all of its responses share it. */
  readonly body: readonly Uint8Array[]
  /** Entity tag, without quotation marks. */
  readonly tag: string
  /** Whole seconds. Unit: milliseconds since the epoch. */
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
}

/** What the directory said of a certificate. */
export type DirectoryKnowledge = {
  readonly answer: Exclude<SerialAnswer, 'unavailable'>
  /** For rules on the login ID; undefined: nobody has recorded one. */
  readonly loginEntry: Fingerprint | undefined
  /** On the monotonic clock. Unit: milliseconds. */
  readonly askedAtMs: number
}

/** What is held of one certificate of the issuing CA: what never changes is worked out once. */
export type Holding = {
  readonly serial: string
  readonly key: CertificateKey
  readonly revokedEntry: Fingerprint
  knowledge: DirectoryKnowledge | undefined
  /** When it was first seen to be revoked without an entry that says since when. Unit: milliseconds since the epoch. */
  revokedSeenAtMs: number | undefined
  signed: readonly SignedAnswer[]
}

/** Ways to spell the same CertID: two hashes, with and without NULL. */
const spellingsMax = 4

/**
 * What is held of the certificates that were asked about, at most `entriesMax` of them: the one not asked about for longest gives
 * way. Nothing here is a verdict: what is held is judged again each time it is served. What is unknown is not held, so that whoever
 * asks about serial numbers that do not exist neither fills the memory nor drives out those that do.
 */
export class OcspHoldings {
  readonly #issuerId: string
  readonly #entriesMax: number
  /** By serial number; the one asked about last stands last. */
  readonly #held = new Map<string, Holding>()

  constructor({ issuerId, entriesMax }: { readonly issuerId: string; readonly entriesMax: number }) {
    this.#issuerId = issuerId
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#held.size
  }

  /** What is held of the certificate; where there is nothing, a new holding that is not held yet. */
  take(serial: string): Holding {
    const found = this.#held.get(serial)
    if (found === undefined) return this.#create(serial)
    this.#held.delete(serial)
    this.#held.set(serial, found)
    return found
  }

  /** Holds it from now on. Where two were made at the same time, the first stays. */
  hold(holding: Holding): void {
    if (this.#held.has(holding.serial)) return
    this.#held.set(holding.serial, holding)
    if (this.#held.size <= this.#entriesMax) return
    const [oldest] = this.#held.keys()
    if (oldest !== undefined) this.#held.delete(oldest)
  }

  #create(serial: string): Holding {
    const key = certificateKey(this.#issuerId, serial)
    const revokedEntry = fingerprintOf('revoked', key)
    return { serial, key, revokedEntry, knowledge: undefined, revokedSeenAtMs: undefined, signed: [] }
  }
}

/** Remembers what the directory said just now. */
export function noteAnswer(holding: Holding, answer: DirectoryKnowledge['answer'], askedAtMs: number): void {
  const loginEntry = answer.recorded ? fingerprintOf('login_rule', answer.loginId) : undefined
  holding.knowledge = { answer, loginEntry, askedAtMs }
}

/** DER of a CertID as `SignedAnswer` has it. */
export function certIdText(certIdDer: Uint8Array): string {
  return Buffer.from(certIdDer.buffer, certIdDer.byteOffset, certIdDer.length).toString('latin1')
}

/** The response that was signed last for this spelling of the CertID. */
export function signedFor({ signed }: Holding, certId: string): SignedAnswer | undefined {
  return signed.find((answer) => answer.certId === certId)
}

/** Keeps a response in place of the one before. */
export function keepSigned(holding: Holding, answer: SignedAnswer): void {
  const others = holding.signed.filter(({ certId }) => certId !== answer.certId)
  holding.signed = [...others.slice(-(spellingsMax - 1)), answer]
}

/** Whether a response says what is to be said now. */
export function saysSame(left: CertificateStatus, right: CertificateStatus): boolean {
  if (left.kind !== 'revoked' || right.kind !== 'revoked') return left.kind === right.kind
  return left.revokedAtMs === right.revokedAtMs && left.reasonCode === right.reasonCode
}
