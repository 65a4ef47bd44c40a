// Goal: every serial number of a bulk revocation stands whole in the audit log, whatever the comment. Method: batches of the longest
// serial numbers and the worst comments go through the real chaining code, which shortens and omits; what it wrote is read back.
import t from 'tap'
import type { ControlAuditEvent } from '../../src/control-path/ports.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { type RecordedOutcome, recordBatch } from '../../src/lifecycle/record-batch.ts'
import { chainStart, linkRecord, readRecord } from '../../src/observe/audit-chain.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { issuerA, issuerB, operator } from '../store/contract.ts'
import { issuers } from './fake-lifecycle.ts'

function record(outcomes: readonly RecordedOutcome[], actor = operator): ControlAuditEvent[] {
  const audited: ControlAuditEvent[] = []
  const ports: Pick<LifecyclePorts, 'audit' | 'issuers'> = { issuers, audit: (event) => void audited.push(event) }
  recordBatch(outcomes, actor, ports as LifecyclePorts)
  return audited
}

function revoked(serial: string, changes: { issuerId?: string; comment?: string; outcome?: string } = {}) {
  const { issuerId = issuerA, comment = '', outcome = 'revoked' } = changes
  const request = {
    key: certificateKey(issuerId, serial),
    loginId: undefined,
    reason: 'keyCompromise',
    comment,
  } as const
  return { request, outcome }
}

/** As the log would write it and a reader finds it. */
function written(event: ControlAuditEvent): Readonly<Record<string, unknown>> {
  const { line } = linkRecord(event, { after: chainStart, nowMs: 0 })
  return readRecord(Buffer.from(line.trimEnd()))?.detail ?? {}
}

function serialsOf(detail: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(detail).flatMap(([name, text]) => (name.startsWith('serials') ? String(text).split(' ') : []))
}

const serials = Array.from({ length: 1_000 }, (_, at) => `f${at.toString(16).padStart(39, '0')}`)

t.test('the longest serial numbers beside the longest comments', async (t) => {
  const actor = { name: '本'.repeat(128), role: 'security', requestId: 'r'.repeat(40) }
  for (const comment of ['', 'x'.repeat(1_000), '本'.repeat(1_000), '\u0001'.repeat(1_000), '\ud800'.repeat(1_000)]) {
    const audited = record(
      serials.map((serial) => revoked(serial, { comment })),
      actor,
    )
    const details = audited.map(written)
    t.strictSame(details.flatMap(serialsOf), serials)
    t.equal(
      details.reduce((sum, { count }) => sum + Number(count), 0),
      1_000,
    )
    t.ok(audited.length < 10, `${audited.length} records`)
  }
})

t.test('records tell issuers, outcomes, comments and login IDs apart', async (t) => {
  const audited = record([
    revoked('1'),
    revoked('2'),
    revoked('1', { issuerId: issuerB }),
    revoked('3', { outcome: 'already_revoked' }),
    revoked('4', { comment: 'other' }),
  ])
  t.match(audited, [
    {
      event: 'certificates_revoked',
      actor: { kind: 'operator', name: operator.name },
      target: { kind: 'issuer', name: 'demo-issuing-ca' },
      reason: 'keyCompromise',
      requestId: 'r-1',
      detail: { count: 2, outcome: 'revoked', role: 'security', serials1: '1 2' },
    },
    { target: { name: 'second-ca' }, detail: { count: 1, serials1: '1' } },
    { detail: { outcome: 'already_revoked', serials1: '3' } },
    { detail: { comment: 'other', serials1: '4' } },
  ])
  t.equal(audited.length, 4)
  t.strictSame(record([]), [])
})
