// Goal: a revocation that is confirmed while a client is still shaking hands, or while many come in, misses nobody: each
// connection is denied or cut.
// Method: a relay holds back the client's second flight (which carries its certificate) until the revocation has been
// confirmed; and a crowd keeps coming in while the revocation is made.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { LiveClient, operatorOf, type TlsVersion, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import type { TestCertificate } from '../helpers/test-ca.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const app = await startJudgingApp()
const gateway = await withGateway({ upstreamPort: app.port })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const port = gateway.ports.certificate
const operator = operatorOf(gateway)

async function revoke({ serial }: TestCertificate): Promise<void> {
  const { status } = await operator.call('POST', '/v1/revocations', {
    certificates: [{ issuer: 'test-issuing-ca', serial }],
  })
  t.equal(status, 200)
}

/** Lets the first packet of the client through and holds back the others until `release()`. */
async function startRelay(): Promise<{ port: number; held(): boolean; release(): void; stop(): Promise<void> }> {
  const held: { bytes: Buffer; to: Socket }[] = []
  let open = false
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port })
    let packets = 0
    client.on('data', (bytes: Buffer) => {
      if (++packets === 1 || open) upstream.write(bytes)
      else held.push({ bytes, to: upstream })
    })
    upstream.on('data', (bytes) => client.write(bytes))
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    held: () => held.length > 0,
    release: () => {
      open = true
      for (const { bytes, to } of held.splice(0)) to.write(bytes)
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

for (const tlsVersion of ['1.2', '1.3'] satisfies TlsVersion[]) {
  t.test(`revoked before the certificate arrives, TLS ${tlsVersion}`, async (t) => {
    const relay = await startRelay()
    const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
    const visit = visitWithNode({ port: relay.port, host: `localhost:${port}`, certificate, tlsVersion })
    await eventually(
      () => relay.held(),
      (held) => held,
    )
    await revoke(certificate)
    relay.release()
    t.equal(verdictOf((await visit).visited), 'certificate_revoked')
    await relay.stop()
  })
}

t.test(
  'a crowd with one certificate, revoked in their midst: once that is confirmed nobody has anything left',
  async (t) => {
    const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
    const visits = () => app.visits.filter(({ loginId }) => loginId === 'user01').length
    const clients: LiveClient[] = []
    const verdicts: string[] = []
    const comeIn = async () => {
      for (let attempt = 0; attempt < 200; attempt++) {
        const client = await LiveClient.connect({ port, certificate })
        clients.push(client)
        const verdict = verdictOf(await client.request())
        verdicts.push(verdict)
        if (verdict === 'certificate_revoked') return
      }
    }
    const crowd = Array.from({ length: 20 }, comeIn)
    await eventually(
      () => verdicts.length,
      (permitted) => permitted >= 30,
    )
    await revoke(certificate)
    // What was forwarded before the confirmation has reached the application once a later request of someone else is answered.
    const other = await LiveClient.connect({
      port,
      certificate: gateway.issuingCa.issueClient({ commonName: 'user02' }),
    })
    t.equal(verdictOf(await other.request()), '200')
    other.destroy()
    const forwarded = visits()
    await Promise.all(crowd)
    await Promise.all(clients.map((client) => client.ended()))
    for (const verdict of new Set(verdicts)) t.match(verdict, /^(200|certificate_revoked|failure)$/)
    t.equal(
      verdicts.filter((verdict) => verdict === 'certificate_revoked').length,
      20,
      'in the end everyone was refused',
    )
    t.equal(visits(), forwarded, 'nothing was forwarded after the confirmation')
  },
)
