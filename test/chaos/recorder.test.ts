// Goal: what the oracle is told of faults, of calm, and of a store that may forget is never too kind to the gateways and never too
// hard. Method: a clock that the test moves, and looks from outside that take their time.
import t from 'tap'
import type { Span } from './history.ts'
import { Recorder } from './recorder.ts'

const allowances = { maxStalenessMs: 1, marginMs: 1, calmMs: 1, handMs: 1, replicas: 2 }

function startRecorder() {
  let nowMs = 0
  const recorder = new Recorder({ nowMs: () => nowMs, monotonicMs: () => nowMs })
  const history = () => recorder.history(allowances, undefined)
  return {
    recorder,
    at: (ms: number) => {
      nowMs = ms
    },
    look: (endMs: number): Span => {
      nowMs = endMs
      return { beginMs: endMs - 10, endMs }
    },
    calms: () => history().calms.map(({ beginMs, endMs }) => [beginMs, endMs]),
    losses: () => history().losses.map(({ kind, beginMs, endMs }) => [kind, beginMs, endMs]),
  }
}

t.test('calm begins when all was seen well, and ends when it was last', async (t) => {
  const { recorder, look, calms } = startRecorder()
  recorder.calm(true, look(100), 0)
  recorder.calm(true, look(300), 90)
  t.same(calms(), [[100, Number.POSITIVE_INFINITY]])
  recorder.calm(false, look(500), 290)
  t.same(calms(), [[100, 290]])
  recorder.calm(true, look(700), 290)
  t.same(calms(), [
    [100, 290],
    [700, Number.POSITIVE_INFINITY],
  ])
})

t.test('a fault ends the calm at once, and none begins in a look that saw some of it', async (t) => {
  const { recorder, at, look, calms } = startRecorder()
  recorder.calm(true, look(100), 0)
  at(200)
  const over = recorder.faultBegins('flushed')
  t.equal(recorder.faultsInForce, 1)
  recorder.calm(true, look(300), 90)
  at(305)
  over()
  recorder.calm(true, look(310), 290)
  t.same(calms(), [[100, 200]])
  recorder.calm(true, look(320), 300)
  t.same(calms(), [
    [100, 200],
    [320, Number.POSITIVE_INFINITY],
  ])
})

t.test('without a certain master the store may have forgotten since the last look that saw one', async (t) => {
  const { recorder, look, losses } = startRecorder()
  recorder.settled(true, look(100), 0)
  recorder.settled(false, look(300), 90)
  recorder.settled(false, look(500), 90)
  t.same(losses(), [['unsettled', 90, Number.POSITIVE_INFINITY]])
  recorder.settled(true, look(700), 90)
  t.same(losses(), [['unsettled', 90, 700]])
  recorder.settled(true, look(900), 690)
  recorder.settled(false, look(1_100), 890)
  t.same(losses()[1], ['unsettled', 890, Number.POSITIVE_INFINITY])
})

t.test('a store being emptied may forget from before to after', async (t) => {
  const { recorder, at, losses } = startRecorder()
  at(50)
  const over = recorder.wipeBegins('flushed')
  t.same(losses(), [['wiped', 50, Number.POSITIVE_INFINITY]])
  at(60)
  over()
  t.same(losses(), [['wiped', 50, 60]])
})

t.test('faults are found by the time they were in force', async (t) => {
  const { recorder, at } = startRecorder()
  at(100)
  const over = recorder.faultBegins('first')
  at(200)
  over()
  recorder.faultBegins('second')
  const during = (beginMs: number, endMs: number) => recorder.faultsDuring(beginMs, endMs).map(({ what }) => what)
  t.same(during(0, 99), [])
  t.same(during(150, 160), ['first'])
  t.same(during(200, 900), ['first', 'second'])
  t.same(during(201, 900), ['second'])
})

t.test('the first try to revoke counts', async (t) => {
  const { recorder, at } = startRecorder()
  at(10)
  recorder.tried([1, 2])
  at(20)
  recorder.tried([2, 3])
  t.same(
    [...recorder.firstTriedMs],
    [
      [1, 10],
      [2, 10],
      [3, 20],
    ],
  )
})
