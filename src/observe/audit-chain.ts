import { hash } from 'node:crypto'
import type { AuditEvent } from './audit-event.ts'
import { redactFields, redactText } from './redact.ts'

/**
 * The chain of the audit log. A record is one line: a JSON object whose last member `hash` is the SHA-256 (hex) of the
 * line without that member, byte for byte. `prev` is the hash of the record before, so a changed, missing, added or
 * moved line breaks the chain.
 */

/** A place in the chain: the record with this number has this hash. */
export type ChainLink = { readonly seq: number; readonly hash: string }

/** Before the first record. */
export const chainStart: ChainLink = { seq: 0, hash: '0'.repeat(64) }

/** What a reader needs of a line whose own hash is right. */
export type ReadRecord = ChainLink & {
  readonly prev: string
  /** A word of `auditEventKinds`, or one that a newer version added. */
  readonly event: string
  readonly detail: Readonly<Record<string, unknown>>
}

/** Longest line written. Unit: bytes, without the newline. */
export const recordBytesMax = 16_384

const tail = /^,"hash":"([0-9a-f]{64})"\}$/
const tailLength = ',"hash":""}'.length + 64

/** Appends an event to the chain: its line (with newline) and its place. */
export function linkRecord(event: AuditEvent, at: { readonly after: ChainLink; readonly nowMs: number }) {
  const whole = formatBody(event, { ...at, detail: redactFields(event.detail ?? {}) })
  const fits = Buffer.byteLength(whole) + tailLength <= recordBytesMax
  const body = fits ? whole : formatBody(event, { ...at, detail: { omittedBytes: Buffer.byteLength(whole) } })
  const link: ChainLink = { seq: at.after.seq + 1, hash: hash('sha256', body) }
  return { link, line: `${body.slice(0, -1)},"hash":"${link.hash}"}\n` }
}

function formatBody(
  event: AuditEvent,
  at: { readonly after: ChainLink; readonly nowMs: number; readonly detail: Record<string, unknown> },
): string {
  const { actor, target, reason, requestId } = event
  return JSON.stringify({
    seq: at.after.seq + 1,
    time: new Date(at.nowMs).toISOString(),
    event: event.event,
    actor: { kind: actor.kind, name: redactText(actor.name) },
    target: target && { kind: target.kind, name: redactText(target.name) },
    reason: reason === undefined ? undefined : redactText(reason),
    requestId: requestId === undefined ? undefined : redactText(requestId),
    detail: at.detail,
    prev: at.after.hash,
  })
}

/** Reads a line (without its newline); undefined when it is not a record or its content does not match its hash. */
export function readRecord(line: Buffer): ReadRecord | undefined {
  if (line.length < tailLength || line.length > recordBytesMax) return undefined
  const split = line.length - tailLength
  const claimed = tail.exec(line.toString('latin1', split))?.[1]
  if (claimed === undefined) return undefined
  const body = Buffer.concat([line.subarray(0, split), Buffer.from('}')])
  if (hash('sha256', body) !== claimed) return undefined
  try {
    return checkShape(JSON.parse(body.toString('utf8')), claimed)
  } catch {
    return undefined
  }
}

function checkShape(record: unknown, claimed: string): ReadRecord | undefined {
  if (typeof record !== 'object' || record === null) return undefined
  const { seq, prev, event, detail } = record as Record<string, unknown>
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || typeof prev !== 'string') return undefined
  if (typeof event !== 'string') return undefined
  const details = typeof detail === 'object' && detail !== null ? (detail as Record<string, unknown>) : {}
  return { seq, prev, event, hash: claimed, detail: details }
}

/** Whether the record comes directly after this place. */
export function continues(record: ReadRecord, after: ChainLink): boolean {
  return record.seq === after.seq + 1 && record.prev === after.hash
}
