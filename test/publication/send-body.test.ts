// Goal: a body waits for its client and not in memory. Method: a real server, a client that does not read, then one that does.
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import t from 'tap'
import { sendBody } from '../../src/publication/send-body.ts'
import { eventually } from '../helpers/eventually.ts'

t.test('no more than one slice waits for a client that does not read', async (t) => {
  const parts = Array.from({ length: 32 }, (_, at) => Buffer.alloc(1 << 20, at))
  const begun = Promise.withResolvers<ServerResponse>()
  const sent = Promise.withResolvers<void>()
  const server = createServer((_, response) => {
    begun.resolve(response)
    void sendBody(response, parts).then(() => sent.resolve())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.pause()
  client.write('GET / HTTP/1.1\r\nHost: bank.example\r\nConnection: close\r\n\r\n')
  const response = await begun.promise
  await eventually(
    () => response.writableNeedDrain,
    (needed) => needed,
  )
  t.ok(response.writableLength < 1 << 20, `${response.writableLength} bytes wait`)
  let bytes = 0
  client.on('data', (chunk) => {
    bytes += chunk.length
  })
  client.resume()
  await Promise.all([sent.promise, once(client, 'end')])
  t.ok(bytes > 32 << 20)
})

t.test('it ends with a client that goes away', async (t) => {
  const parts = [Buffer.alloc(32 << 20)]
  const ended = Promise.withResolvers<boolean>()
  const server = createServer((_, response) => {
    void sendBody(response, parts).then(() => ended.resolve(response.writableFinished))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.once('data', () => client.destroy())
  client.write('GET / HTTP/1.1\r\nHost: bank.example\r\n\r\n')
  t.notOk(await ended.promise)
})
