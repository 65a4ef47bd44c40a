// Goal: a look ends, whatever happens in its thread, and leaves nothing behind; when it is next due follows from what all gateways know.
// Method: the parts by themselves, and a gateway that closes in the middle of a transfer.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { crlFolder, openNameless } from '../../src/ca-sources/crl-files.ts'
import { lookEnded, runLook } from '../../src/ca-sources/crl-look.ts'
import type { LookOrder } from '../../src/ca-sources/crl-messages.ts'
import { recordRevoked } from '../../src/ca-sources/crl-record.ts'
import { dueInMs } from '../../src/ca-sources/crl-schedule.ts'
import { CrlSlots } from '../../src/ca-sources/crl-slots.ts'
import type { ControlAuditEvent } from '../../src/control-path/ports.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { crlOf } from '../helpers/test-crl.ts'
import { limits, listOf, startCrlGateway, startCrlServer, url } from './crl-setting.ts'

const nowMs = systemClock.nowMs()
const never = new AbortController().signal
const takers = { revoke: async () => {}, remove: async () => {}, taken: async () => {} }

function orderOf(t: { testdir(): string }, changes: Partial<LookOrder> = {}): LookOrder {
  const { certificatePem } = createTestCa({ commonName: 'Branch CA' })
  return {
    kind: 'complete',
    issuer: readIssuingCa({ name: 'branch', certificatePem, chainPems: [] }, nowMs),
    places: [],
    caPem: undefined,
    known: { complete: undefined, delta: undefined },
    limits,
    tellsRemoved: false,
    folder: t.testdir(),
    index: new RevocationIndexWriter({ entriesMax: 1_000 }).shared,
    nowMs,
    ...changes,
  }
}

t.test('a thread that breaks counts as an unreadable list', async (t) => {
  const folder = join(t.testdir(), 'gone')
  const places = [{ kind: 'url', url: 'http://127.0.0.1:1/' }] as const
  t.match(await runLook(orderOf(t, { folder, places }), takers, never), {
    result: 'unreadable',
    faults: [{ fault: /ENOENT/ }],
  })
})

t.test('a look that was ended before it began does not begin', async (t) => {
  const end = new AbortController()
  end.abort(lookEnded())
  await t.rejects(runLook(orderOf(t), takers, end.signal), { code: 'crl_unavailable' })
})

t.test('closing ends a transfer and leaves no file', async (t) => {
  const server = await startCrlServer(t)
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [url(server.url)] })] })
  server.answer = (_request, response) => void response.write(crlOf(gateway.ca, nowMs).subarray(0, 20))
  gateway.sources.start()
  await eventually(
    () => server.requests.length,
    (count) => count === 1,
  )
  await gateway.sources.close()
  t.strictSame(readdirSync(join(gateway.stateFolder, 'crl')), [])
  t.strictSame(gateway.looks, [], 'nothing was wrong with the list')
  t.strictSame(
    gateway.lines.filter((line) => !line.startsWith('info')),
    [],
  )
})

t.test('what a killed process has left is removed, and what is transferred has no name', async (t) => {
  const state = t.testdir()
  mkdirSync(join(state, 'crl'))
  writeFileSync(join(state, 'crl', 'x.part'), '')
  writeFileSync(join(state, 'crl', 'other'), '')
  const folder = crlFolder(state)
  openNameless(folder)
  t.notOk(existsSync(join(folder, 'x.part')))
  t.strictSame(readdirSync(folder), ['other'])
})

t.test('a list is due after its time, after its nextUpdate, and when the clock of who looked was off', async (t) => {
  const schedule = {
    nowMs: 1_000_000,
    sinceMs: 0,
    pollSeconds: 300,
    limits: { retrySeconds: 30, clockSkewSeconds: 60 },
  }
  const due = (lookedAtMs: number | undefined, nextUpdateMs?: number, changes = {}) =>
    dueInMs({ lookedAtMs, nextUpdateMs }, { ...schedule, ...changes })
  t.equal(dueInMs(undefined, schedule), 0)
  t.equal(due(undefined), 0)
  t.equal(due(1_000_000), 300_000)
  t.equal(due(800_000), 100_000)
  t.equal(due(500_000), 0)
  t.equal(due(1_000_000, 1_100_000), 100_001, 'right after nextUpdate')
  t.equal(due(1_000_000, 900_000), 30_000, 'not closer than retrySeconds')
  t.equal(due(1_000_000, 900_000, { limits: { retrySeconds: 1, clockSkewSeconds: 60 } }), 5_000, 'nor than 5 s')
  t.equal(due(1_050_000), 300_000, 'within the skew')
  t.equal(due(1_100_000), 0, 'beyond')
  t.equal(due(900_000, undefined, { sinceMs: 950_000 }), 0, 'at other places')
})

t.test('slots: so many at a time, the others in turn, a failure frees its slot', async (t) => {
  const slots = new CrlSlots(2)
  const running: string[] = []
  const held = Promise.withResolvers<void>()
  const work = (name: string, end: Promise<void>) =>
    slots.run(async () => {
      running.push(name)
      await end
    })
  const failing = Promise.withResolvers<void>()
  const first = t.rejects(work('a', failing.promise), /broken/)
  const others = [work('b', held.promise), work('c', held.promise), work('d', held.promise)]
  await Promise.resolve()
  t.strictSame(running, ['a', 'b'])
  failing.reject(new Error('broken'))
  await first
  t.strictSame(running, ['a', 'b', 'c'])
  held.resolve()
  await Promise.all(others)
  t.strictSame(running, ['a', 'b', 'c', 'd'])
})

t.test('a batch is on record with every serial number, within the bounds of a record', async (t) => {
  const serials = Array.from({ length: 1_000 }, (_, at) => `${'f'.repeat(36)}${(at + 0x1000).toString(16)}`)
  const audited: ControlAuditEvent[] = []
  const actor = { kind: 'gateway', name: 'crl:branch' } as const
  const rest = {
    issuer: 'branch',
    outcome: 'revoked',
    reason: 'unspecified',
    comment: 'c',
    role: 'crl',
    requestId: 'r',
  }
  recordRevoked({ ...rest, serials, actor }, (event) => void audited.push(event))
  const texts = audited.flatMap(({ detail = {} }) =>
    Object.entries(detail).flatMap(([name, text]) => (name.startsWith('serials') ? [String(text)] : [])),
  )
  t.strictSame(
    texts.flatMap((text) => text.split(' ')),
    serials,
  )
  t.ok(texts.every((text) => text.length <= 2_000))
  t.ok(audited.every((event) => JSON.stringify(event).length < 12_000))
  t.equal(
    audited.reduce((sum, { detail }) => sum + Number(detail?.count), 0),
    1_000,
  )
})
