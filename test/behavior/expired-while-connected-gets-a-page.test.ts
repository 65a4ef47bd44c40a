// Goal: time alone can end a permit: a certificate that becomes valid or expires while its connection is open is judged by
// the time of each request, and the user gets the page that says so on that connection.
// Method: certificates that end, or begin, two seconds from now; the test waits for that moment.
import t from 'tap'
import { LiveClient, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const app = await startJudgingApp()
const gateway = await withGateway({ upstreamPort: app.port })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
// Each test mostly waits for a moment, so they wait side by side.
t.jobs = 3
const port = gateway.ports.certificate

/** A whole second, at least two seconds from now. */
function soon(): number {
  return Math.ceil((Date.now() + 2_000) / 1_000) * 1_000
}

async function until(timeMs: number): Promise<void> {
  await eventually(
    () => Date.now(),
    (nowMs) => nowMs >= timeMs,
  )
}

t.test('expired while connected', { buffered: true }, async (t) => {
  const notAfterMs = soon()
  const certificate = gateway.issuingCa.issueClient({ commonName: 'user01', notAfterMs })
  const client = await LiveClient.connect({ port, certificate, accept: 'text/html' })
  const other = await LiveClient.connect({ port, certificate: gateway.issuingCa.issueClient({ commonName: 'user02' }) })
  t.equal(verdictOf(await client.request()), '200')
  await until(notAfterMs + 50)
  t.equal(verdictOf(await client.request()), '200', 'the second that notAfter names still counts (RFC 5280 4.1.2.5)')
  await until(notAfterMs + 1_000)
  const denied = await client.request()
  t.match(denied, { kind: 'answer', status: 403, headers: { 'content-type': /^text\/html/, connection: 'close' } })
  t.match(denied.kind === 'answer' && denied.body, /有効期限/)
  await client.ended()
  t.equal(verdictOf(await other.request()), '200', 'another user’s connection goes on')
  other.destroy()
  t.equal(verdictOf((await visitWithNode({ port, certificate })).visited), 'certificate_expired', 'a new connection')
})

t.test(
  'a new connection in the last second is refused for its expiry, as OpenSSL counts it',
  { buffered: true },
  async (t) => {
    const notAfterMs = soon()
    const certificate = gateway.issuingCa.issueClient({ commonName: 'user01', notAfterMs })
    t.equal(verdictOf((await visitWithNode({ port, certificate })).visited), '200')
    await until(notAfterMs + 20)
    const verdicts = new Set<string>()
    while (Date.now() < notAfterMs + 1_100)
      verdicts.add(verdictOf((await visitWithNode({ port, certificate })).visited))
    t.strictSame([...verdicts], ['certificate_expired'])
  },
)

t.test('valid soon: refused now, let in then', { buffered: true }, async (t) => {
  const notBeforeMs = soon()
  const certificate = gateway.issuingCa.issueClient({ commonName: 'user01', notBeforeMs })
  t.equal(verdictOf((await visitWithNode({ port, certificate })).visited), 'certificate_not_yet_valid')
  // The kernel's clock of whole seconds, which OpenSSL reads, may be a tick behind the one that this test reads.
  await until(notBeforeMs + 50)
  t.equal(verdictOf((await visitWithNode({ port, certificate })).visited), '200')
})
