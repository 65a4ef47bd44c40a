// Goal: of Sentinels that disagree most are believed, one that is cut off moves nobody, and connections go where most of them say.
// Method: little servers that answer as Sentinels do, with what the test wants them to say.
import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import { freePort, type RedisServer, startRedisServer } from '../../helpers/redis-server.ts'
import { keyA1, operator, revocationOf } from '../samples.ts'
import { openStore } from './open-store.ts'

type FakeSentinel = { readonly port: number; says: RedisServer | undefined; questions: number }

/** Answers every SENTINEL question with what it says now, and everything else with OK. */
async function fakeSentinel(t: Test, says: RedisServer): Promise<FakeSentinel> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (data) => {
      // ioredis may send several commands in one chunk.
      for (const command of data.toString().split(/(?=\*\d+\r\n)/)) {
        if (!/SENTINEL/i.test(command)) socket.write('+OK\r\n')
        else {
          sentinel.questions++
          const port = String(sentinel.says?.port)
          socket.write(
            sentinel.says === undefined ? '*-1\r\n' : `*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}\r\n`,
          )
        }
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sentinel: FakeSentinel = { port: (server.address() as { port: number }).port, says, questions: 0 }
  t.teardown(() => server.close())
  return sentinel
}

t.test('most Sentinels decide', async (t) => {
  const [first, second] = [await startRedisServer(t), await startRedisServer(t)]
  const sentinels = [await fakeSentinel(t, first), await fakeSentinel(t, first), await fakeSentinel(t, first)]
  const [one, two] = sentinels
  if (one === undefined || two === undefined) return t.fail('three of them')
  const store = await openStore(t, first, {
    mode: 'sentinel',
    sentinelName: 'mymaster',
    nodes: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
  })
  await store.publish([revocationOf(keyA1)], operator)
  const connections = async (server: RedisServer) =>
    String(await server.cli('CLIENT', 'LIST')).match(/ name=sekisho/g)?.length ?? 0
  t.equal(await connections(first), 2)

  // It is cut off from the others, and still or already says something else.
  one.says = second
  const asked = one.questions
  await eventually(
    () => one.questions,
    (count) => count >= asked + 2,
  )
  t.equal(await connections(first), 2, 'one alone moves nobody')
  t.equal(await connections(second), 0)
  two.says = second
  await eventually(
    () => connections(second),
    (count) => count === 2,
  )
  await eventually(
    () => connections(first),
    (count) => count === 0,
  )
  t.equal(await store.revocation(keyA1), undefined, 'it asks the other now')

  // The others know nothing: what is left is one opinion of three.
  for (const sentinel of sentinels) sentinel.says = undefined
  one.says = first
  const before = one.questions
  await eventually(
    () => one.questions,
    (count) => count >= before + 2,
  )
  t.equal(await connections(second), 2, 'one that is left alone moves nobody either')
})

t.test('a server that is a replica is not used, though a Sentinel still names it', async (t) => {
  const server = await startRedisServer(t)
  const sentinel = await fakeSentinel(t, server)
  await server.cli('REPLICAOF', '127.0.0.1', await freePort())
  const nodes = [{ host: '127.0.0.1', port: sentinel.port }]
  const store = await openStore(t, server, { mode: 'sentinel', sentinelName: 'mymaster', nodes })
  await t.rejects(store.position(), { code: 'store_unavailable', message: /it is a replica now/ })
  await server.cli('REPLICAOF', 'NO', 'ONE')
  const position = await eventually(
    () => store.position().catch(() => undefined),
    (found) => found !== undefined,
  )
  t.equal(position?.version, 0, 'once it is primary it is')
})

t.test('a connection that finds another primary takes the others along: a process reads where it writes', async (t) => {
  const [first, second] = [await startRedisServer(t), await startRedisServer(t)]
  const sentinels = await Promise.all([1, 2, 3].map(() => fakeSentinel(t, first)))
  const store = await openStore(t, first, {
    mode: 'sentinel',
    sentinelName: 'mymaster',
    nodes: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
  })
  await store.publish([revocationOf(keyA1)], operator)
  // In one turn, so that the look once a second has no time: the first to notice is a connection that ends.
  for (const sentinel of sentinels) sentinel.says = second
  const clients = String(await first.cli('CLIENT', 'LIST'))
  const [, id = ''] = /^id=(\d+) .*name=sekisho:commands/m.exec(clients) ?? []
  await first.cli('CLIENT', 'KILL', 'ID', id)
  await eventually(
    async () => String(await second.cli('CLIENT', 'LIST')),
    (list) => list.includes('sekisho:commands') && list.includes('sekisho:publishing'),
  )
  await store.publish([revocationOf(keyA1)], operator)
  t.equal((await store.eventsSince({ version: 0, token: '' }, 9)).events.length, 1, 'what it writes it reads')
  t.notMatch(String(await first.cli('CLIENT', 'LIST')), /name=sekisho/)
})

t.test('one Sentinel alone leads nobody to a primary that was not known before', async (t) => {
  const server = await startRedisServer(t)
  const sentinel = await fakeSentinel(t, server)
  const nodes = [sentinel.port, await freePort(), await freePort()].map((port) => ({ host: '127.0.0.1', port }))
  const store = await openStore(t, server, { mode: 'sentinel', sentinelName: 'mymaster', nodes })
  await t.rejects(store.position(), { code: 'store_unavailable', message: /1 of 3 Sentinels/ })
})
