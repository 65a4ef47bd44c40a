// Goal: with the policy revokedOnly no login waits, only a signed "revoked" has any effect, and that is for good.
// Method: the real checker and a responder on loopback that answers as the test wants; the clock is played, workers and store record.
import t from 'tap'
import { answerMs, keyOf, startWorld } from './ocsp-world.ts'

const policy = 'revokedOnly'

t.test('nobody waits, and a good answer changes nothing', async (t) => {
  const { world, responder } = await startWorld(t, { policy })
  let release: (() => void) | undefined
  responder.answer = (question) => {
    release = () =>
      question.response.setHeader('content-type', 'application/ocsp-response').end(world.respond(question))
    return undefined
  }
  t.equal(await world.ask('a1'), undefined, 'before there is an answer')
  await responder.questions(1)
  release?.()
  await world.until(() => world.results.length > 0)
  t.equal(await world.ask('a1'), undefined)
  t.same([responder.asked, world.results, world.changed], [['a1'], ['bank good'], []])
})

t.test('a revoked certificate is published, so that every gateway refuses it', async (t) => {
  const { world, responder } = await startWorld(t, { policy })
  responder.answer = (question) => world.respond(question, { status: 'revoked', reasonCode: 4 })
  t.equal(await world.ask('a1', 'user01'), undefined)
  await world.until(() => world.published.length > 0)
  t.match(world.published, [{ request: { key: keyOf('a1'), loginId: 'user01', reason: 'superseded' } }])
  await world.ask('a1', 'user01')
  t.same([responder.asked, world.published.length, world.changed], [['a1'], 1, []])
})

t.test('unknown, refused and unreachable have no effect beyond a metric and one line', async (t) => {
  const { world, responder } = await startWorld(t, { policy })
  responder.answer = (question) => world.respond(question, { status: 'unknown' })
  await world.ask('a1')
  await world.until(() => world.results.length === 1)
  responder.answer = () => Buffer.from('garbage')
  for (const serial of ['b2', 'c3']) await world.ask(serial)
  await world.until(() => world.results.length === 3)
  await responder.close()
  for (const serial of ['d4', 'e5', 'f6']) await world.ask(serial)
  await world.until(() => world.results.length === 6)
  t.same(world.results.slice(0, 3), ['bank unknown', 'bank refused', 'bank refused'])
  t.same([...new Set(world.results.slice(3))], ['bank unreachable'])
  t.same(
    world.logged.map((line) => line.replace(/:.*$/, '')),
    [
      'warn the OCSP responder does not know a certificate that connects',
      'warn the answer of the OCSP responder was refused',
      'warn the OCSP responder gives no answer',
    ],
    'not one for each',
  )
  t.same([world.published, world.audited, world.changed], [[], [], []])
  world.clock.advance(60_000)
  await world.ask('d4')
  await world.until(() => world.results.length === 7)
  t.equal(world.logged.length, 4, 'but again after a while')
})

t.test('connected certificates are asked about again when their answer has ended', async (t) => {
  const { world, responder } = await startWorld(t, { policy })
  world.connected = [keyOf('a1')]
  await world.checker.sweep()
  await world.until(() => world.results.length === 1)
  t.same(responder.asked, ['a1'], 'also who was connected before anybody asked')
  world.clock.advance(answerMs - 1)
  await world.checker.sweep()
  t.same(responder.asked, ['a1'])
  responder.answer = (question) => world.respond(question, { status: 'revoked' })
  world.clock.advance(1)
  await world.checker.sweep()
  await world.until(() => world.published.length > 0)
  t.same(responder.asked, ['a1', 'a1'])
})

t.test('while the store is away a revocation waits for it', async (t) => {
  const { world, responder } = await startWorld(t, { policy }, { sweepMs: 5 })
  responder.answer = (question) => world.respond(question, { status: 'revoked' })
  world.storeIsAway = true
  await world.ask('a1')
  await world.until(() => world.results.length > 0)
  t.equal(await world.ask('a1'), 0, 'and meanwhile nobody vouches for it')
  world.checker.start()
  world.storeIsAway = false
  await world.until(() => world.audited.length > 0)
  t.equal(await world.ask('a1'), undefined, 'from then on the revocation speaks for itself')
  t.same([responder.asked, world.published.length], [['a1'], 1])
})

t.test('where more certificates wait than may, some wait for the next round', async (t) => {
  const { world, responder } = await startWorld(t, { policy, requestsAtOnceMax: 1, queueMax: 1 })
  let release: (() => void) | undefined
  responder.answer = (question) => {
    release = () =>
      question.response.setHeader('content-type', 'application/ocsp-response').end(world.respond(question))
    return undefined
  }
  world.connected = ['a1', 'b2', 'c3'].map(keyOf)
  await world.checker.sweep()
  await responder.questions(1)
  responder.answer = (question) => world.respond(question)
  release?.()
  await world.until(() => world.results.length === 2)
  t.same(responder.asked, ['a1', 'b2'])
  await world.checker.sweep()
  await world.until(() => world.results.length === 3)
  t.same(responder.asked, ['a1', 'b2', 'c3'])
})
