// Goal: a gateway that asks a Sentinel through its relays is told of relays only, however the answer is cut into pieces.
// Method: answers of Sentinel in RESP, cut at every place, and a client's real answers with `SENTINEL` commands through relays.
import { connect } from 'node:net'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { Relay } from '../helpers/partition.ts'
import { startSentinelSet } from '../helpers/redis-sentinel.ts'
import { renamePorts } from './rename-ports.ts'

const names = new Map([
  [40_001, 50_001],
  [40_002, 50_002],
])

t.test('port numbers are changed wherever an answer is cut', async (t) => {
  const answer = '*3\r\n$9\r\n127.0.0.1\r\n$5\r\n40001\r\n$5\r\n40002\r\n$5\r\n40003\r\n$5\r\nhello\r\n'
  const wanted = answer.replace('40001', '50001').replace('40002', '50002')
  for (let cut = 0; cut <= answer.length; cut++) {
    const rename = renamePorts(names)
    const pieces = [answer.slice(0, cut), answer.slice(cut)].map((piece) => rename(Buffer.from(piece)).toString())
    t.equal(pieces.join(''), wanted, `cut at ${cut}`)
  }
  const rename = renamePorts(names)
  t.equal([...answer].map((byte) => rename(Buffer.from(byte)).toString()).join(''), wanted, 'byte by byte')
})

t.test('nothing of a whole answer is held back, and numbers that are no port stay', async (t) => {
  for (const answer of ['+OK\r\n', ':40001\r\n', '$-1\r\n', '*0\r\n', '$7\r\n40001$5\r\n', '$5\r\n$5$5$\r\n'])
    t.equal(renamePorts(names)(Buffer.from(answer)).toString(), answer)
})

t.test('a real Sentinel seen through relays names relays', async (t) => {
  const store = await startSentinelSet(t, { servers: 2, sentinels: 1 })
  const [master, replica] = store.servers
  const [sentinel] = store.sentinels
  if (master === undefined || replica === undefined || sentinel === undefined) throw new Error('They did not start')
  const own = new Map([
    [master.port, 50_001],
    [replica.port, 50_002],
  ])
  const relay = await Relay.start(sentinel.port, { changeAnswers: () => renamePorts(own) })
  t.teardown(() => relay.close())
  const socket = connect(relay.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let text = ''
  socket.on('data', (piece) => {
    text += piece.toString('latin1')
  })
  socket.write(`SENTINEL GET-MASTER-ADDR-BY-NAME ${store.name}\r\n`)
  await eventually(
    () => text,
    (got) => got === '*2\r\n$9\r\n127.0.0.1\r\n$5\r\n50001\r\n',
  )
  text = ''
  socket.write(`SENTINEL REPLICAS ${store.name}\r\n`)
  await eventually(
    () => text,
    (got) => got.includes('$4\r\nport\r\n$5\r\n50002\r\n'),
  )
  t.notMatch(text, `\r\n${replica.port}\r\n`)
})
