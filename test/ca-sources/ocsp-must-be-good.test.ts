// Goal: with the policy mustBeGood a certificate passes while its issuer's responder vouches for it, and a login waits no longer than it may.
// Method: the real checker and a responder on loopback that answers as the test wants; the clock is played, workers and store record.
import t from 'tap'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import type { ReceivedQuestion } from '../helpers/test-ocsp.ts'
import { answerMs, keyOf, responderKey, startWorld } from './ocsp-world.ts'

t.test('a good answer counts until its end, and is asked for once', async (t) => {
  const { world, responder } = await startWorld(t)
  const endMs = world.clock.nowMs() + answerMs
  t.equal(await world.ask('a1'), endMs)
  const all = await Promise.all([world.ask('a1'), world.ask('a1', 'second'), world.ask('b2'), world.ask('b2')])
  t.same(all, [endMs, endMs, endMs, endMs])
  t.same(responder.asked, ['a1', 'b2'], 'one question for each certificate')
  world.clock.advance(answerMs)
  t.equal(await world.ask('a1'), endMs + answerMs, 'after its end it is asked again')
  t.same(responder.asked, ['a1', 'b2', 'a1'])
  t.same(world.results, ['bank good', 'bank good', 'bank good'])
  t.same(world.published, [])
})

t.test('other issuers’ certificates, and questions without one, are not its concern', async (t) => {
  const { world, responder } = await startWorld(t)
  const other = `${'0'.repeat(32)}:a1` as ReturnType<typeof keyOf>
  t.equal(await world.checker.goodUntilMs(other, 'user'), undefined)
  t.equal(await world.checker.goodUntilMs('' as typeof other, 'user'), undefined)
  t.same(responder.asked, [])
})

t.test('an answer without nextUpdate, and a long one, count no longer than is configured', async (t) => {
  const { world, responder } = await startWorld(t, { validitySeconds: 100 })
  const nowMs = world.clock.nowMs()
  responder.answer = (question) => world.respond(question, { nextUpdateMs: null, thisUpdateMs: nowMs - 20_000 })
  t.equal(await world.ask('a1'), nowMs + 80_000)
  responder.answer = (question) => world.respond(question)
  t.equal(await world.ask('b2'), nowMs + 100_000)
})

t.test('a responder that is slow delays a login by waitMs; its late answer reaches the workers', async (t) => {
  const { world, responder } = await startWorld(t, { waitMs: 20 })
  let question: ReceivedQuestion | undefined
  responder.answer = (asked) => {
    question = asked
    return undefined
  }
  const denied = world.ask('a1', 'user01')
  t.equal(await denied, 0, 'there is no answer yet')
  await responder.questions(1)
  t.equal(await world.ask('a1', 'user01'), 0, 'nor for a second login, which asks no second time')
  t.same([responder.asked, world.results, world.changed], [['a1'], [], []])
  const late = question as unknown as ReceivedQuestion
  late.response.setHeader('content-type', 'application/ocsp-response').end(world.respond(late))
  await world.until(() => world.changed.length > 0)
  t.same(world.changed, ['user01'])
  t.equal(await world.ask('a1', 'user01'), world.clock.nowMs() + answerMs)
  t.same(responder.asked, ['a1'])
})

t.test('with waitMs 0 nobody waits', async (t) => {
  const { world, responder } = await startWorld(t, { waitMs: 0 })
  responder.answer = () => undefined
  t.equal(await world.ask('a1'), 0)
})

t.test('after a failure it is not asked for a while; what is known counts on', async (t) => {
  const { world, responder } = await startWorld(t, { retrySeconds: 30 })
  responder.answer = () => Buffer.from('garbage')
  t.equal(await world.ask('a1'), 0)
  t.equal(await world.ask('a1'), 0)
  t.same(responder.asked, ['a1'])
  responder.answer = (question) => world.respond(question)
  world.clock.advance(29_999)
  t.equal(await world.ask('a1'), 0)
  world.clock.advance(1)
  t.equal(await world.ask('a1'), world.clock.nowMs() + answerMs)
  t.same(world.results, ['bank refused', 'bank good'])
  t.same(world.changed, ['user-a1'], 'who was told no asks again')
})

t.test('answers of connected certificates are renewed before they end', async (t) => {
  const { world, responder } = await startWorld(t)
  const firstMs = await world.ask('a1')
  await world.ask('b2')
  world.connected = [keyOf('a1')]
  world.clock.advance(answerMs / 2 - 1)
  await world.checker.sweep()
  t.same(responder.asked, ['a1', 'b2'], 'not before half of the time')
  world.clock.advance(1)
  await world.checker.sweep()
  await world.checker.sweep()
  await world.until(() => world.changed.length > 0)
  t.same(world.changed, ['user-a1'], 'workers ask again')
  t.equal(await world.ask('a1'), (firstMs ?? 0) + answerMs / 2)
  t.same(responder.asked, ['a1', 'b2', 'a1'], 'once, and only who is connected')
})

t.test('what cannot be renewed counts until its end, of which the workers hear', async (t) => {
  const { world, responder } = await startWorld(t)
  const endMs = await world.ask('a1')
  world.connected = [keyOf('a1')]
  await responder.close()
  world.clock.advance(answerMs - 1)
  await world.checker.sweep()
  await world.until(() => world.results.includes('bank unreachable'))
  t.equal(await world.ask('a1'), endMs)
  t.same(world.changed, [])
  world.clock.advance(1)
  await world.checker.sweep()
  t.same(world.changed, ['user-a1'])
  t.equal(await world.ask('a1'), 0)
  await world.checker.sweep()
  await world.checker.sweep()
  t.same(world.changed, ['user-a1'], 'once')
})

t.test('a certificate the responder does not know, or knows no more, is not good', async (t) => {
  const { world, responder } = await startWorld(t)
  responder.answer = (question) => world.respond(question, { status: 'unknown' })
  t.equal(await world.ask('a1'), 0)
  responder.answer = (question) => world.respond(question)
  world.clock.advance(30_000)
  t.ok(await world.ask('a1'), 'a new certificate, of which the responder has heard meanwhile')
  responder.answer = (question) => world.respond(question, { status: 'unknown' })
  world.connected = [keyOf('a1')]
  world.clock.advance(answerMs / 2)
  world.changed.length = 0
  await world.checker.sweep()
  await world.until(() => world.changed.length > 0)
  t.equal(await world.ask('a1'), 0)
  t.same(world.published, [], 'unknown is not revoked')
})

t.test('a revoked one is published once, for every gateway, and then denied', async (t) => {
  const { world, responder } = await startWorld(t)
  t.ok(await world.ask('a1', 'user01'))
  responder.answer = (question) => world.respond(question, { status: 'revoked', reasonCode: 1 })
  world.connected = [keyOf('a1')]
  world.clock.advance(answerMs / 2)
  await world.checker.sweep()
  await world.until(() => world.changed.length > 0)
  t.match(world.published, [
    {
      request: { key: keyOf('a1'), loginId: 'user01', reason: 'keyCompromise', comment: 'OCSP responder of bank' },
      actor: { name: 'ocsp:bank', role: 'ocsp', requestId: /^ocsp-/ },
    },
  ])
  t.match(world.audited, [
    { event: 'certificate_revoked', actor: { kind: 'gateway', name: 'ocsp:bank' }, target: { name: keyOf('a1') } },
  ])
  t.equal(await world.ask('a1', 'user01'), 0)
  await world.checker.sweep()
  t.equal(world.published.length, 1)
  t.equal(responder.asked.length, 2, 'the answer is remembered while it counts')
  world.clock.advance(answerMs)
  t.equal(await world.ask('a1', 'user01'), 0)
  t.same([world.published.length, world.audited.length], [2, 1], 'said again it is no news')
})

t.test('a login that learns of a revocation waits until it is in force', async (t) => {
  const { world, responder } = await startWorld(t)
  responder.answer = (question) => world.respond(question, { status: 'revoked', reasonCode: 6 })
  t.equal(await world.ask('a1'), 0)
  t.match(world.published, [{ request: { reason: 'unspecified', comment: 'OCSP responder of bank: certificateHold' } }])
})

t.test('while the store is away a revoked one stays denied, and is published later', async (t) => {
  const { world, responder } = await startWorld(t, {}, { sweepMs: 5 })
  responder.answer = (question) => world.respond(question, { status: 'revoked' })
  world.storeIsAway = true
  t.equal(await world.ask('a1'), 0)
  responder.answer = (question) => world.respond(question)
  world.clock.advance(answerMs)
  t.equal(await world.ask('a1'), 0, 'even if the responder now says good')
  t.same(world.published, [])
  world.checker.start()
  world.storeIsAway = false
  await world.until(() => world.published.length > 0)
  t.match(world.published, [{ request: { key: keyOf('a1') } }])
})

t.test('the certificates looked at last are remembered', async (t) => {
  const { world, responder } = await startWorld(t, {}, { entriesMax: 2 })
  for (const serial of ['a', 'b', 'a', 'c', 'a', 'b']) await world.ask(serial)
  t.same(responder.asked, ['a', 'b', 'c', 'b'])
})

t.test('a delegated responder whose own certificate is revoked here is not believed', async (t) => {
  const { world } = await startWorld(t)
  world.index.add(fingerprintOf('revoked', keyOf(responderKey.serial)))
  t.equal(await world.ask('a1'), 0)
  t.match(world.logged, [/^warn the answer of the OCSP responder was refused: .* is revoked$/])
})

t.test('a reload takes effect, and keeps answers', async (t) => {
  const { world, responder } = await startWorld(t)
  t.ok(await world.ask('a1'))
  world.config = world.configWith({ url: responder.url, policy: 'revokedOnly' })
  t.equal(await world.ask('a1'), undefined)
  world.config = world.configWith({ url: responder.url, validitySeconds: 100 })
  t.equal(await world.ask('a1'), world.clock.nowMs() + answerMs, 'what is known still counts')
  t.equal(await world.ask('b2'), world.clock.nowMs() + 100_000)
  t.same(responder.asked, ['a1', 'b2'])
})

t.test('closing breaks questions off, and who waits is told no', async (t) => {
  const { world, responder } = await startWorld(t, { requestsAtOnceMax: 1 })
  responder.answer = () => undefined
  world.checker.start()
  const waiting = [world.ask('a1'), world.ask('b2')]
  await responder.questions(1)
  await world.checker.close()
  t.same(await Promise.all(waiting), [0, 0])
  t.same([world.logged, world.results], [[], []], 'that is no failure of the responder')
})
