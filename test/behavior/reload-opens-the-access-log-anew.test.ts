// Goal: a log that was moved away is begun anew by a reload, in every worker, without a line lost or a WebSocket ended; where it cannot be
// opened, lines go on into the old file and the gateway says so. Method: two workers, files moved as log rotation does.
import { mkdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { plainAnswer } from '../helpers/upstream.ts'
import { WebSocketSetting } from './websocket-ends.ts'

const setting = await WebSocketSetting.start(t, { config: { accessLog: { file: 'access.log' }, workers: 2 } })
const { app, gateway } = setting
const certificate = setting.certificateOf('user01')
app.answer('/page', plainAnswer('ok'))
const file = join(gateway.folder, 'access.log')
const linesOf = (path: string) => {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(0, -1)
  } catch {
    return []
  }
}

/** As many requests, on connections of their own, so that either worker has some. */
async function visit(times: number): Promise<void> {
  for (let turn = 0; turn < times; turn++) {
    const client = await RawClient.connect(gateway, { certificate })
    t.match(await client.get('/page').answer(), { status: 200 })
    client.close()
  }
}

t.test('what comes after the reload stands in the new file, and nothing is lost', async (t) => {
  const ends = await setting.open({ over: 'http/1.1', certificate })
  await setting.untilOpen(1)
  await visit(20)
  renameSync(file, `${file}.1`)
  t.match(await gateway.gateway.reload({ kind: 'signal' }), { result: 'unchanged' })
  await eventually(
    async () => {
      await visit(20)
      return linesOf(file).length
    },
    (count) => count >= 20,
  )
  const all = [...linesOf(`${file}.1`), ...linesOf(file)].map((line) => JSON.parse(line) as { requestId: string })
  t.equal(new Set(all.map(({ requestId }) => requestId)).size, all.length, 'no line stands twice')
  await setting.untilOpen(1)
  ends.side.socket.write('still here')
  await eventually(
    () => ends.tunnel.receivedBytes,
    (bytes) => bytes === 10,
  )
  ends.tunnel.destroy()
  await setting.untilOpen(0)
})

t.test('a place where no file can be: the old one goes on', async (t) => {
  renameSync(file, `${file}.2`)
  mkdirSync(file)
  t.teardown(() => rmdirSync(file))
  const before = linesOf(`${file}.2`).length
  t.match(await gateway.gateway.reload({ kind: 'signal' }), { result: 'unchanged' })
  await visit(10)
  await eventually(
    () => linesOf(`${file}.2`).length,
    (count) => count >= before + 10,
  )
  await eventually(
    () => gateway.logLines.join(''),
    (text) => text.includes('the access log cannot be opened anew'),
  )
})
