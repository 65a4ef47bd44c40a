// Goal: rules on issuers are seen whole or not at all, by their issuer, up to their number. Method: a writer and views; a thread that
// reads while rules change all the time, each of which says in every field which one it is.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { IssuerRules, IssuerRulesWriter, issuerRulesMax } from '../../src/trust/issuer-rules.ts'
import { issuerId } from './trust-fakes.ts'

const rule = { issuerId, notBeforeMin: 1, notBeforeMax: 2, version: 3 }
const otherId = 'f0'.repeat(16)

t.test('rules are found by their issuer', async (t) => {
  const writer = new IssuerRulesWriter()
  const view = new IssuerRules(writer.shared)
  t.strictSame(view.of(issuerId), [])
  writer.set('a', rule)
  writer.set('b', { ...rule, issuerId: otherId, version: 4 })
  writer.set('c', { ...rule, version: 5 })
  t.strictSame(view.of(issuerId), [rule, { ...rule, version: 5 }])
  t.strictSame(view.of(otherId), [{ ...rule, issuerId: otherId, version: 4 }])
  writer.set('a', { ...rule, notBeforeMax: 9 })
  t.ok(writer.remove('c'))
  t.notOk(writer.remove('c'))
  t.strictSame(view.of(issuerId), [{ ...rule, notBeforeMax: 9 }])
  writer.clear()
  t.strictSame(view.of(issuerId), [])
})

t.test('a rule on what is no issuer covers nothing, and does no harm', async (t) => {
  const writer = new IssuerRulesWriter()
  for (const odd of ['', 'x', issuerId.toUpperCase(), `${issuerId}0`]) {
    writer.set('odd', { ...rule, issuerId: odd })
    writer.set('good', rule)
    t.strictSame(writer.of(odd), [])
    t.strictSame(writer.of(issuerId), [rule])
  }
  t.ok(writer.remove('odd'))
})

t.test(`${issuerRulesMax} rules and no more`, async (t) => {
  const writer = new IssuerRulesWriter()
  const view = new IssuerRules(writer.shared)
  for (let at = 0; at < issuerRulesMax; at++) writer.set(`${at}`, { ...rule, version: at + 1 })
  t.throws(() => writer.set('more', rule), { code: 'revocation_index_full', message: /current value is 1024/ })
  t.equal(view.of(issuerId).length, issuerRulesMax)
  writer.set('5', { ...rule, version: 5_000 })
  t.ok(
    view.of(issuerId).some(({ version }) => version === 5_000),
    'those that are there can be changed',
  )
  writer.remove('7')
  writer.set('more', { ...rule, version: 6_000 })
  t.equal(view.of(issuerId).length, issuerRulesMax)
})

t.test('a thread that reads while rules change never sees half a rule, nor misses the one that stays', async (t) => {
  const writer = new IssuerRulesWriter()
  writer.set('stays', { issuerId, notBeforeMin: 0, notBeforeMax: 0, version: 0xffff_ffff })
  const state = new SharedArrayBuffer(8)
  const words = new Int32Array(state)
  const worker = new Worker(new URL('./rules-reading-thread.ts', import.meta.url), {
    workerData: { rules: writer.shared, state },
  })
  t.teardown(() => worker.terminate())
  await once(worker, 'message')
  const answer = once(worker, 'message')
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let round = 1; round <= 20_000; round++) {
    writer.set(`rule ${round % 7}`, { issuerId, notBeforeMin: round, notBeforeMax: round, version: round })
    if (round % 5 === 0) writer.remove(`rule ${(round + 3) % 7}`)
    if (round % 1_000 === 0) Atomics.wait(pause, 0, 0, 1)
  }
  Atomics.store(words, 0, 1)
  const [{ halves, missed, looks }] = await answer
  t.strictSame({ halves, missed }, { halves: 0, missed: 0 })
  t.ok(looks > 1_000, `${looks} looks`)
})
