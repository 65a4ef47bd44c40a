// Goal: a thousand clients that send a request head byte by byte hold up nobody, cost bounded memory, reach no application and are
// ended at the deadline of the head. Method: a thousand real connections that trickle; another client asks all the while.
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { LiveClient, verdictOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const app = await startJudgingApp()
t.teardown(() => app.stop())

const trickling = 1_000
/** Both sides' TLS stand in this process. */
const bytesEachMax = 512 * 1024
const head = `GET /trickled HTTP/1.1\r\nHost: localhost\r\nX-Filling: ${'x'.repeat(8_000)}`

t.test('a thousand clients that trickle their heads', async (t) => {
  const gateway = await withGateway({
    upstreamPort: app.port,
    config: { limits: { headTimeoutMs: 4_000, handshakesPerSecondMax: 100_000 } },
  })
  t.teardown(() => gateway.stop())
  const port = gateway.ports.certificate
  const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
  const residentBefore = process.memoryUsage.rss()
  const clients: LiveClient[] = []
  while (clients.length < trickling) {
    clients.push(...(await Promise.all(Array.from({ length: 50 }, () => LiveClient.connect({ port, certificate })))))
  }
  const other = await LiveClient.connect({ port, certificate })

  let sent = 0
  let answered = 0
  while (clients.some(({ receivedBytes }) => receivedBytes === 0) && sent < head.length) {
    for (const client of clients) if (!client.closed) client.write(head.charAt(sent))
    sent++
    const answer = await other.request()
    if (verdictOf(answer) === '200') answered++
    await nextTurn()
  }
  t.ok(sent > 5 && sent < head.length, `the deadline ended them after ${sent} bytes`)
  t.equal(answered, sent, 'every request of the other client was answered meanwhile')
  const residentGrowth = process.memoryUsage.rss() - residentBefore
  t.ok(residentGrowth < trickling * bytesEachMax, `memory grew by ${residentGrowth} bytes`)

  const verdicts = await Promise.all(clients.map(async (client) => verdictOf(await client.answer())))
  t.equal(verdicts.filter((verdict) => verdict === '408').length, trickling, 'each is told why')
  await Promise.all(clients.map((client) => client.ended()))
  t.equal(app.visits.filter(({ path }) => path === '/trickled').length, 0, 'none of it reached the application')
  await eventually(
    () => gateway.metric('sekisho_connections_open', { door: 'certificate' }),
    (open) => open === 1,
  )
  t.equal(verdictOf(await other.request()), '200')
  other.destroy()
})
