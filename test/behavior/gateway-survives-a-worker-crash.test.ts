// Goal: a data worker that crashes takes its own connections with it and nothing else: it is replaced, counted and audited;
// counters go on from where they were; verdicts and sealed cookies are the same afterwards.
// Method: the real gateway; the worker thread is caught as Node announces it, and terminated.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

t.test('gateway survives a worker crash', async (t) => {
  const app = await TestUpstream.start()
  const announced = once(process, 'worker') as Promise<[Worker]>
  const gateway = await withGateway({
    upstreamPort: app.port,
    config: { identity: { sealCookies: ['SESSION'], assertion: { audience: 'bank' } } },
  })
  t.teardown(async () => {
    await gateway.stop()
    await app.stop()
  })
  const [worker] = await announced
  const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const connect = () => RawClient.connect(gateway, { certificate: user01 })

  app.answer('/login', plainAnswer('in', 'Set-Cookie: SESSION=secret; Path=/\r\n'))
  app.handle(
    '/streaming',
    ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n'),
  )
  const before = await connect()
  const cookie = (await before.get('/login').answer()).value('set-cookie')?.split(';')[0]
  const streaming = await connect()
  await streaming.get('/streaming').head()
  const stream = await app.request('/streaming')
  const accepted = await gateway.metric('sekisho_connections_total', { door: 'certificate' })
  const answered = await gateway.metric('sekisho_requests_total', { route: 'app', status_class: '2xx' })

  await worker.terminate()
  await Promise.all([before.untilEnd(), streaming.untilEnd()])
  await eventually(() => stream.socket.destroyed, Boolean)
  t.pass('its connections ended, upstream sides too')
  t.equal(await gateway.metric('sekisho_connections_open', { door: 'certificate' }), 0)
  t.equal(await gateway.metric('sekisho_worker_restarts_total'), 1)
  t.ok(gateway.logLines.some((line) => line.includes('a data worker ended')))

  // Whoever connects meanwhile waits in the socket's queue for the next worker.
  const after = await connect()
  const answer = await after.get('/again', `Cookie: ${cookie}\r\n`).answer()
  t.equal(answer.status, 200)
  const request = await app.request('/again')
  t.strictSame(request.values('cookie'), ['SESSION=secret'], 'a session goes on')
  t.equal(request.values('sekisho-assertion').length, 1)
  t.equal(await gateway.metric('sekisho_connections_total', { door: 'certificate' }), (accepted ?? 0) + 1)
  t.equal(await gateway.metric('sekisho_requests_total', { route: 'app', status_class: '2xx' }), (answered ?? 0) + 1)
  after.close()
  const audit = await eventually(
    () => readFileSync(join(gateway.folder, 'state', 'audit.log'), 'utf8'),
    (text) => text.includes('worker_ended'),
  )
  t.match(audit, /"worker_ended".*worker-1/)
})
