import { setImmediate as nextTurn } from 'node:timers/promises'
import type { RuleRecord } from '../control-path/store-port.ts'
import { fingerprintOf } from '../trust/fingerprint.ts'
import { parseCertificateKey } from '../x509/certificate-key.ts'
import type { CrlEntry, PublicationPorts } from './ports.ts'
import { coversCertificate, type RuleBook, type RuledCertificate } from './rule-book.ts'

export type RuledEntriesOptions = {
  readonly ports: Pick<PublicationPorts, 'store' | 'index'>
  readonly issuerId: string
  readonly book: RuleBook
  /** Asked between two pages: true ends the reading. */
  readonly isOver: () => boolean
}

/** A certificate of the directory; `changedVersion`: of the last change of its record, so it was recorded then or before. */
type Recorded = { readonly certificate: RuledCertificate; readonly changedVersion: number }

/**
 * Finds the recorded certificates that are revoked by a rule alone: no event names them, but doors refuse them, and so the list has
 * them. Of those that nobody recorded no serial number is known. Every method may throw `store_unavailable`; what was given by then
 * is right, and may be given again.
 */
export class RuledEntries {
  readonly #options: RuledEntriesOptions

  constructor(options: RuledEntriesOptions) {
    this.#options = options
  }

  /** Gives what all rules of the book revoke. `baseVersion`: of the list that delta lists go on from. */
  async all(baseVersion: number, take: (entries: readonly CrlEntry[]) => void): Promise<void> {
    const { book } = this.#options
    if (book.size === 0) return
    await this.#eachPage(undefined, async (page) => {
      const entries: CrlEntry[] = []
      for (const recorded of page) {
        const entry = await this.#entryOf(recorded, baseVersion)
        if (entry !== undefined) entries.push(entry)
      }
      if (entries.length > 0) take(entries)
    })
  }

  /** Gives what a rule that is new, or covers more than before, revokes. */
  async ofRule(record: RuleRecord, take: (entries: readonly CrlEntry[]) => void): Promise<void> {
    const { book } = this.#options
    await this.#eachPage(record, async (page) => {
      const covered = page.filter(({ certificate }) => coversCertificate(record.rule, certificate))
      const entries = covered.flatMap(({ certificate }) => book.entryFor(certificate, record.version) ?? [])
      if (entries.length > 0) take(entries)
    })
  }

  /** Gives the serial numbers of certificates that this rule, which the book has no more, was the last to revoke. */
  async freedBy(record: RuleRecord, take: (serials: readonly string[]) => void): Promise<void> {
    const { book, ports } = this.#options
    await this.#eachPage(record, async (page) => {
      const serials = page.flatMap(({ certificate }) => {
        if (!coversCertificate(record.rule, certificate)) return []
        const stays =
          book.entryFor(certificate, 0) !== undefined || ports.index.has(fingerprintOf('revoked', certificate.key))
        return stays ? [] : [parseCertificateKey(certificate.key).serial]
      })
      if (serials.length > 0) take(serials)
    })
  }

  /**
   * What was recorded before the base, or before its rule, is in the base where it belongs. Only of what may have been recorded since
   * then it is asked when that was, so that the delta list has it too.
   */
  async #entryOf({ certificate, changedVersion }: Recorded, baseVersion: number): Promise<CrlEntry | undefined> {
    const { book, ports } = this.#options
    const entry = book.entryFor(certificate, 0)
    if (entry === undefined || changedVersion <= Math.max(baseVersion, entry.version)) return entry
    const recorded = await ports.store.recordedCertificate(certificate.key)
    return { ...entry, version: Math.max(entry.version, recorded?.recordedVersion ?? 0) }
  }

  /** The certificates that a rule can concern, a few hundred at a time; undefined: all of the issuer. */
  async #eachPage(record: RuleRecord | undefined, visit: (page: readonly Recorded[]) => Promise<void>): Promise<void> {
    const { ports, issuerId, isOver } = this.#options
    const isOurs = ({ certificate }: Recorded) => certificate.key.startsWith(`${issuerId}:`)
    if (record?.rule.by === 'loginId') {
      const certificates = await ports.store.certificatesOf(record.rule.loginId, 0)
      await visit(
        certificates
          .map((certificate) => ({ certificate, changedVersion: certificate.recordedVersion }))
          .filter((recorded) => isOurs(recorded)),
      )
      return
    }
    for await (const records of ports.store.directory()) {
      if (isOver()) return
      const page = records.flatMap((entry): Recorded[] =>
        entry.type === 'certificate' ? [{ certificate: entry.certificate, changedVersion: entry.version }] : [],
      )
      await visit(page.filter((recorded) => isOurs(recorded)))
      await nextTurn()
    }
  }
}
