// Goal: a viewer who reads slowly holds no more than a little, and reads what is now. Method: a stream that nobody reads for a while.
import t from 'tap'
import { LiveViewer } from '../../src/admin/live/live-viewer.ts'

t.test('of ticks that wait only the newest is kept, in its place among what else happened', async (t) => {
  const viewer = new LiveViewer('all', 60_000)
  for (let at = 1; at <= 1_000; at++) viewer.tell(`tick ${at}\n`, true)
  viewer.tell('refused\n', false)
  viewer.tell('tick 1001\n', true)
  t.equal(await viewer.next(), 'refused\ntick 1001\n')
})

t.test('of everything else the oldest is left out beyond 64', async (t) => {
  const viewer = new LiveViewer('all', 60_000)
  for (let at = 1; at <= 10_000; at++) viewer.tell(`${at} `, false)
  const texts = (await viewer.next())?.trim().split(' ') ?? []
  t.equal(texts.length, 64)
  t.equal(texts.at(-1), '10000')
})

t.test('what came before the end is still told, and nothing after', async (t) => {
  const viewer = new LiveViewer('all', 60_000)
  viewer.tell('last', false)
  viewer.close()
  viewer.tell('too late', false)
  t.equal(await viewer.next(), 'last')
  t.equal(await viewer.next(), undefined)
})

t.test('whoever waits is woken by news, and by the end', async (t) => {
  const viewer = new LiveViewer('all', 60_000)
  const news = viewer.next()
  viewer.tell('news', false)
  t.equal(await news, 'news')
  const end = viewer.next()
  viewer.close()
  t.equal(await end, undefined)
})
