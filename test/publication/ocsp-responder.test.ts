// Goal: the responder never says good of what is revoked, from the cache as little as anew, says nothing where it knows nothing, and asks the
// directory no more than it must. Method: the responder without HTTP, a clock moved by hand, an index and a directory in memory.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { OcspResponder } from '../../src/publication/ocsp-responder.ts'
import type { SerialAnswer } from '../../src/publication/ports.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { derSequence } from '../../src/x509/der-writer.ts'
import { buildOcspRequest } from '../../src/x509/ocsp/build-request.ts'
import { certIdOf, encodeCertId } from '../../src/x509/ocsp/cert-id.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { OcspSetting, type ocspSettings, responseIn, statusIn } from './ocsp-setting.ts'

type Changes = Partial<typeof ocspSettings>

async function start(t: { teardown: (end: () => void) => unknown }, changes: Changes = {}): Promise<OcspSetting> {
  const setting = new OcspSetting(systemClock.nowMs(), changes)
  await setting.responder.start()
  t.teardown(() => setting.responder.close())
  return setting
}

const nonce = Buffer.from('0123456789abcdef')

t.test('cached good, then revoked: revoked at the very next request; restored: good again', async (t) => {
  const setting = await start(t)
  const { serial } = setting.record('user01')
  t.equal(await setting.statusOf(serial), 'good')
  t.equal(await setting.statusOf(serial), 'good')
  t.equal(setting.lookUps.length, 1, 'the second came from the cache')
  setting.revoke(serial)
  t.equal(await setting.statusOf(serial), 'revoked')
  t.equal(await setting.statusOf(serial, nonce), 'revoked')
  setting.restore(serial)
  t.equal(await setting.statusOf(serial), 'good')
  t.equal(await setting.statusOf(serial, nonce), 'good')
  t.same(setting.counts, { good: 4, revoked: 2 })
  t.equal(setting.lookUps.length, 1)
})

t.test('the same answer from the cache, byte for byte; a new one once it says something else', async (t) => {
  const setting = await start(t)
  const { serial } = setting.record('user01')
  const bodyOf = async () => Buffer.concat((await setting.post(setting.ask([serial]))).body)
  const first = await bodyOf()
  setting.clock.advance(100_000)
  t.same(await bodyOf(), first)
  setting.revoke(serial, { revokedAtMs: setting.clock.nowMs() - 5_000, reasonCode: 1 })
  const revoked = await bodyOf()
  t.notSame(revoked, first)
  t.same(await bodyOf(), revoked)
  setting.entries.set(serial, { revokedAtMs: setting.clock.nowMs() - 5_000, reasonCode: 4 })
  t.notSame(await bodyOf(), revoked, 'the reason has changed')
})

t.test('a rule revokes what it covers at the next request; what it does not cover stays good', async (t) => {
  const setting = await start(t)
  const boundMs = setting.clock.nowMs() - 1_800_000
  const old = setting.record('user01', boundMs - 60_000)
  const renewed = setting.record('user01', boundMs + 60_000)
  const other = setting.record('user02', boundMs - 60_000)
  const statuses = () => Promise.all([old, renewed, other].map(({ serial }) => setting.statusOf(serial)))
  t.same(await statuses(), ['good', 'good', 'good'])
  const rule = { by: 'loginId', loginId: 'user01', notBeforeMaxMs: boundMs, version: 9 } as const
  setting.index.setRule('rule', rule)
  t.same(await statuses(), ['revoked', 'good', 'good'])
  setting.index.setExemption(fingerprintOf('revoked', setting.keyOf(old.serial)), 10)
  t.same(await statuses(), ['good', 'good', 'good'], 'restored after the rule')
  setting.index.removeExemption(fingerprintOf('revoked', setting.keyOf(old.serial)))
  t.same(await statuses(), ['revoked', 'good', 'good'])
  setting.index.removeRule('rule')
  t.same(await statuses(), ['good', 'good', 'good'])
})

t.test('stale trust data: tryLater, except for what is known to be revoked', async (t) => {
  const setting = await start(t)
  const [good, revoked, ruled] = ['user01', 'user02', 'user03'].map((loginId) => setting.record(loginId).serial)
  const statuses = () => Promise.all([good, revoked, ruled].map((serial) => setting.statusOf(serial as string)))
  t.same(await statuses(), ['good', 'good', 'good'])
  setting.revoke(revoked as string)
  const notBeforeMaxMs = setting.clock.nowMs()
  setting.index.setRule('rule', { by: 'loginId', loginId: 'user03', notBeforeMaxMs, version: 9 })
  setting.clock.advance(301_000)
  t.same(await statuses(), ['tryLater', 'revoked', 'revoked'])
  t.equal(await setting.statusOf(good as string, nonce), 'tryLater')
  t.equal(await setting.statusOf(revoked as string, nonce), 'revoked')
  setting.freshness.heard()
  t.same(await statuses(), ['good', 'revoked', 'revoked'])
  t.match(setting.counts, { try_later: 2 })
})

t.test('at half of its validity an answer is signed anew, and the directory asked', async (t) => {
  const setting = await start(t)
  const { serial } = setting.record('user01')
  const timesOf = async () => {
    const response = responseIn(await setting.post(setting.ask([serial])))
    if (response.status !== 'successful') return response.status
    const { thisUpdateMs = 0, nextUpdateMs = 0 } = response.basic.answers[0] ?? {}
    return { thisUpdateMs, validityMs: nextUpdateMs - thisUpdateMs }
  }
  const wholeSecond = () => Math.floor(setting.clock.nowMs() / 1_000) * 1_000
  const first = { thisUpdateMs: wholeSecond(), validityMs: 300_000 }
  t.same(await timesOf(), first)
  setting.clock.advance(148_000)
  t.same(await timesOf(), first)
  t.equal(setting.lookUps.length, 1)
  setting.clock.advance(3_000)
  setting.freshness.heard()
  const second = { thisUpdateMs: wholeSecond(), validityMs: 300_000 }
  t.same(await timesOf(), second)
  t.equal(setting.lookUps.length, 2)
  // The directory goes away: the answer is served while it is valid, not signed anew, and then nothing is said.
  setting.directoryAway = true
  setting.clock.advance(200_000)
  setting.freshness.heard()
  t.same(await timesOf(), second)
  t.equal(await setting.statusOf(serial, nonce), 'tryLater', 'what the directory said is too old to be signed')
  setting.clock.advance(101_000)
  setting.freshness.heard()
  t.equal(await timesOf(), 'tryLater')
  setting.revoke(serial)
  t.equal(await setting.statusOf(serial), 'revoked', 'that needs no directory')
  setting.restore(serial)
  setting.directoryAway = false
  t.match(await timesOf(), { thisUpdateMs: wholeSecond() })
})

t.test('a wall clock that is set back serves nothing from the time to come', async (t) => {
  const setting = await start(t)
  const { serial } = setting.record('user01')
  t.equal(await setting.statusOf(serial), 'good')
  setting.clock.wallMs -= 120_000
  const response = responseIn(await setting.post(setting.ask([serial])))
  const answer = response.status === 'successful' ? response.basic.answers[0] : undefined
  t.equal(answer?.thisUpdateMs, Math.floor(setting.clock.nowMs() / 1_000) * 1_000)
})

t.test('unknown where nobody recorded it; good as soon as somebody does', async (t) => {
  const setting = await start(t)
  const { serial } = setting.ca.issueClient({ commonName: 'user01' })
  t.equal(await setting.statusOf(serial), 'unknown')
  t.equal(await setting.statusOf(serial, nonce), 'unknown')
  setting.directory.set(setting.keyOf(serial), { recorded: true, loginId: 'user01', notBeforeMs: 0 })
  t.equal(await setting.statusOf(serial), 'good')
  t.equal(await setting.statusOf('0'), 'unknown', 'no certificate has this serial number')
  t.notOk(setting.lookUps.includes(setting.keyOf('0')))
})

t.test('good without a record where doors let it in; asked again soon', async (t) => {
  const setting = await start(t)
  setting.directory.set(setting.keyOf('77'), { recorded: false, passes: true })
  t.equal(await setting.statusOf('77'), 'good')
  t.equal(await setting.statusOf('77'), 'good')
  t.equal(setting.lookUps.length, 1)
  const [boundMs, loginId] = [setting.clock.nowMs(), 'user01']
  setting.index.setRule('rule', { by: 'loginId', loginId, notBeforeMaxMs: boundMs, version: 9 })
  setting.directory.set(setting.keyOf('77'), { recorded: true, loginId, notBeforeMs: boundMs })
  setting.clock.advance(5_000)
  t.equal(await setting.statusOf('77'), 'revoked', 'the rule covers it since it is known whose it is')
})

t.test('questions about what does not exist drive nothing out of the cache', async (t) => {
  const setting = await start(t, { cacheEntriesMax: 100 })
  const { serial } = setting.record('user01')
  t.equal(await setting.statusOf(serial), 'good')
  for (let count = 1; count <= 150; count++) t.equal(await setting.statusOf(`f${count}`), 'unknown')
  const before = setting.lookUps.length
  t.equal(await setting.statusOf(serial), 'good')
  t.equal(setting.lookUps.length, before, 'still held')
  for (let count = 1; count <= 100; count++) {
    setting.directory.set(setting.keyOf(`e${count}`), { recorded: true, loginId: 'user02', notBeforeMs: 0 })
    t.equal(await setting.statusOf(`e${count}`), 'good')
  }
  t.equal(await setting.statusOf(serial), 'good')
  t.equal(setting.lookUps.length, before + 101, 'others that exist have driven it out')
})

t.test('the directory away: tryLater, and what is revoked stays so', async (t) => {
  const setting = await start(t)
  const { serial } = setting.record('user01')
  const other = setting.record('user02')
  setting.directoryAway = true
  setting.revoke(other.serial)
  t.equal(await setting.statusOf(serial), 'tryLater')
  t.equal(await setting.statusOf(other.serial), 'revoked')
  setting.directoryAway = false
  t.equal(await setting.statusOf(serial), 'good')
})

t.test('so many look-ups at the same time, one for all who ask the same', async (t) => {
  const setting = new OcspSetting(systemClock.nowMs(), { lookUpsMax: 2 })
  const open = new Map<string, (answer: SerialAnswer) => void>()
  const lookUp = (key: string) => new Promise<SerialAnswer>((resolve) => open.set(key, resolve))
  const responder = new OcspResponder({ ...setting.options, lookUp })
  await responder.start()
  t.teardown(() => responder.close())
  const ask = async (serial: string) => {
    const body = async () => Buffer.from(setting.ask([serial]))
    const answer = await responder.answer({ method: 'POST', path: '/ocsp', header: () => undefined, body })
    return answer === undefined ? 'nothing' : statusIn(answer)
  }
  const waiting = ['a1', 'a1', 'a2'].map(ask)
  t.equal(await ask('a3'), 'tryLater', 'one too many')
  t.same(
    [...open.keys()],
    ['a1', 'a2'].map((serial) => setting.keyOf(serial)),
  )
  for (const resolve of open.values()) resolve({ recorded: true, loginId: 'user01', notBeforeMs: 0 })
  t.same(await Promise.all(waiting), ['good', 'good', 'good'])
  const late = ask('a3')
  await new Promise((resolve) => setImmediate(resolve))
  open.get(setting.keyOf('a3'))?.({ recorded: true, loginId: 'user01', notBeforeMs: 0 })
  t.equal(await late, 'good')
})

t.test('revoked while the directory is being asked', async (t) => {
  const setting = new OcspSetting(systemClock.nowMs())
  const lookUp = async (): Promise<SerialAnswer> => {
    setting.revoke('a1')
    return { recorded: true, loginId: 'user01', notBeforeMs: 0 }
  }
  const failing = async (): Promise<SerialAnswer> => {
    throw new Error('the control thread has gone')
  }
  for (const [way, wanted] of [
    [lookUp, 'revoked'],
    [failing, 'tryLater'],
  ] as const) {
    setting.restore('a1')
    const responder = new OcspResponder({ ...setting.options, lookUp: way })
    await responder.start()
    t.teardown(() => responder.close())
    const body = async () => Buffer.from(setting.ask(['a1']))
    const answer = await responder.answer({ method: 'POST', path: '/ocsp', header: () => undefined, body })
    t.equal(answer && statusIn(answer), wanted)
  }
})

t.test('certificates of others: unauthorized alone, unknown beside ours', async (t) => {
  const setting = await start(t)
  const { serial } = setting.record('user01')
  const other = createTestCa({ commonName: 'Other' })
  const others = { subjectNameDer: other.der, certificate: setting.issuer.certificate }
  const [ours, foreign] = [certIdOf(setting.issuer, serial, 'sha256'), certIdOf(others, serial, 'sha1')]
  const foreignOnly = await setting.post(buildOcspRequest({ certIds: [foreign, foreign] }))
  t.same(responseIn(foreignOnly), { status: 'unauthorized' })
  const mixed = responseIn(await setting.post(buildOcspRequest({ certIds: [foreign, ours] })))
  t.match(mixed, { status: 'successful', basic: { answers: [{ status: 'unknown' }, { status: 'good' }] } })
  setting.revoke(serial)
  const revoked = responseIn(await setting.post(buildOcspRequest({ certIds: [foreign, ours] })))
  t.match(revoked, { basic: { answers: [{ status: 'unknown' }, { status: 'revoked' }] } })
  // SHA-512: whose it is cannot be told.
  const sha512 = { ...ours, hashAlgorithmOid: '2.16.840.1.101.3.4.2.3' }
  t.equal(statusIn(await setting.post(buildOcspRequest({ certIds: [sha512] }))), 'unknown')
  t.same(setting.counts, { unauthorized: 1, unknown: 3, good: 1, revoked: 1 })
})

t.test('a nonce is repeated and never kept; the cache answers those without', async (t) => {
  const setting = await start(t)
  const { serial } = setting.record('user01')
  const seen = new Set<string>()
  for (const octets of [1, 16, 32]) {
    const own = Buffer.alloc(octets, octets)
    const answer = await setting.post(setting.ask([serial], own))
    const response = responseIn(answer)
    t.ok(response.status === 'successful' && Buffer.from(response.basic.nonce ?? []).equals(own), `${octets} octets`)
    seen.add(Buffer.concat(answer.body).toString('hex'))
  }
  t.equal(seen.size, 3)
  const without = responseIn(await setting.post(setting.ask([serial])))
  t.match(without, { basic: { nonce: undefined } })
  t.equal(setting.lookUps.length, 1)
})

t.test('malformed and too large', async (t) => {
  const setting = await start(t)
  const { serial } = setting.record('user01')
  const one = derSequence(encodeCertId(certIdOf(setting.issuer, serial, 'sha1')))
  const requestOf = (count: number) => derSequence(derSequence(derSequence(...Array(count).fill(one))))
  const good = setting.ask([serial])
  for (const [what, body] of Object.entries({
    nothing: new Uint8Array(),
    garbage: Buffer.from('garbage'),
    'cut off': good.subarray(0, 40),
    'one certificate too many': requestOf(21),
  })) {
    const answer = await setting.post(body)
    t.equal(statusIn(answer), 'malformedRequest', what)
    t.match(answer, { status: 200, contentType: 'application/ocsp-response' })
  }
  const huge = await setting.post(requestOf(10_000))
  t.equal(huge.status, 413, '10,000 certificates')
  t.same(setting.counts, { malformed: 5 })
  t.equal(setting.lookUps.length, 0)
  t.equal(statusIn(await setting.post(requestOf(20))), 'good', 'as many as are allowed')
  const patient = await start(t, { requestBytesMax: 1_048_576 })
  t.equal(statusIn(await patient.post(requestOf(10_000))), 'malformedRequest', 'where so many bytes are allowed')
})

t.test('a request with any octet changed is answered or malformed, never our fault', async (t) => {
  const setting = await start(t)
  const { serial } = setting.record('user01')
  const good = setting.ask([serial], nonce)
  for (let place = 0; place < good.length; place++) {
    for (const bits of [0x01, 0x20, 0x80, 0xff]) {
      const changed = new Uint8Array(good)
      changed[place] = (changed[place] as number) ^ bits
      await setting.post(changed)
    }
  }
  t.equal(setting.counts.failed, undefined)
  t.ok((setting.counts.malformed ?? 0) > 100)
  t.ok((setting.counts.unauthorized ?? 0) > 100, 'another issuer')
  t.ok((setting.counts.unknown ?? 0) > 50, 'another serial number')
  t.equal(statusIn(await setting.post(good)), 'good')
})

t.test('a fault of our own is internalError and told in the log; the next request is answered', async (t) => {
  const setting = await start(t)
  const { serial } = setting.record('user01')
  setting.revoke(serial, { revokedAtMs: Number.NaN, reasonCode: 0 })
  t.equal(await setting.statusOf(serial), 'internalError')
  t.match(setting.warnings, [{ message: 'OCSP answer failed' }])
  setting.restore(serial)
  t.equal(await setting.statusOf(serial), 'good')
  t.same(setting.counts, { failed: 1, good: 1 })
})
