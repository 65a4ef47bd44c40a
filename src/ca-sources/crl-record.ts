import type { ControlAudit, ControlAuditEvent } from '../control-path/ports.ts'

/** Serial numbers of one issuer that a CRL revoked together. */
export type RecordedBatch = {
  readonly issuer: string
  readonly serials: readonly string[]
  /** `revoked`, or `unconfirmed`: the store did not answer. */
  readonly outcome: string
  readonly reason: string
  readonly comment: string
  readonly role: string
  readonly actor: ControlAuditEvent['actor']
  readonly requestId: string
}

/**
 * Longest text of serial numbers in one field of a record, and most such fields: the audit log keeps 2 048 characters of a text and
 * 16 384 bytes of a record.
 */
const serialsLengthMax = 2_000
const fieldsMax = 4

/** Puts a batch on record, in as many records as it takes for no serial number to be cut off. */
export function recordRevoked(batch: RecordedBatch, audit: ControlAudit): void {
  const { issuer, serials, outcome, reason, comment, role, actor, requestId } = batch
  // What is longest decides, so that every field holds as many: 40 digits (RFC 5280 4.1.2.2) and a space at most.
  const width = 1 + serials.reduce((longest, serial) => Math.max(longest, serial.length), 1)
  const fieldCount = Math.floor(serialsLengthMax / width)
  for (let first = 0; first < serials.length; first += fieldCount * fieldsMax) {
    const part = serials.slice(first, first + fieldCount * fieldsMax)
    const texts = Array.from({ length: Math.ceil(part.length / fieldCount) }, (_, at) => [
      `serials${at + 1}`,
      part.slice(at * fieldCount, (at + 1) * fieldCount).join(' '),
    ])
    audit({
      event: 'certificates_revoked',
      actor,
      target: { kind: 'issuer', name: issuer },
      reason,
      requestId,
      detail: { count: part.length, outcome, comment, role, ...Object.fromEntries(texts) },
    })
  }
}
