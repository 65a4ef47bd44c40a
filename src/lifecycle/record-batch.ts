import { nameCertificate } from './issuer-names.ts'
import type { Actor, LifecyclePorts, RevocationRequest } from './ports.ts'

/** What became of a request, as the audit log has it. */
export type RecordedOutcome = { readonly request: RevocationRequest; readonly outcome: string }

/**
 * Longest text of serial numbers in one field of a record, and most such fields: the audit log keeps 2 048 characters of a text and
 * 16 384 bytes of a record, of which a comment of 1 000 characters may take 6 000.
 */
const serialsLengthMax = 2_000
const fieldsMax = 4

/**
 * Puts a batch on record: who revoked which serial numbers of which issuer, why, and with what outcome. As many records as it takes
 * for no serial number to be cut off.
 */
export function recordBatch(outcomes: readonly RecordedOutcome[], actor: Actor, ports: LifecyclePorts): void {
  for (const group of groupAlike(outcomes, ports)) {
    const { issuer, outcome, request, serials } = group
    for (const fields of packSerials(serials)) {
      ports.audit({
        event: 'certificates_revoked',
        actor: { kind: 'operator', name: actor.name },
        target: { kind: 'issuer', name: issuer },
        reason: request.reason,
        requestId: actor.requestId,
        detail: {
          count: fields.count,
          outcome,
          loginId: request.loginId,
          comment: request.comment,
          role: actor.role,
          ...fields.texts,
        },
      })
    }
  }
}

type Group = {
  readonly issuer: string
  readonly outcome: string
  readonly request: RevocationRequest
  readonly serials: string[]
}

function groupAlike(outcomes: readonly RecordedOutcome[], { issuers }: LifecyclePorts): Iterable<Group> {
  const groups = new Map<string, Group>()
  for (const { request, outcome } of outcomes) {
    const { issuer, serial } = nameCertificate(request.key, issuers)
    const name = JSON.stringify([issuer, outcome, request.loginId, request.reason, request.comment])
    let group = groups.get(name)
    if (group === undefined) {
      group = { issuer, outcome, request, serials: [] }
      groups.set(name, group)
    }
    group.serials.push(serial)
  }
  return groups.values()
}

type Packed = { count: number; texts: Record<string, string> }

function packSerials(serials: readonly string[]): Packed[] {
  const packed: Packed[] = []
  let texts: string[] = []
  let count = 0
  const close = () => {
    if (count === 0) return
    packed.push({ count, texts: Object.fromEntries(texts.map((text, at) => [`serials${at + 1}`, text])) })
    texts = []
    count = 0
  }
  for (const serial of serials) {
    const last = texts.at(-1)
    if (last !== undefined && last.length + 1 + serial.length <= serialsLengthMax) {
      texts[texts.length - 1] = `${last} ${serial}`
    } else {
      if (texts.length === fieldsMax) close()
      texts.push(serial)
    }
    count++
  }
  close()
  return packed
}
