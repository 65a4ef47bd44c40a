// Goal: every kind of client certificate gets the right answer, whichever client brings it, fresh or resumed.
// Method: certificates minted on the spot, tried with openssl s_client, curl and Node over TLS 1.2 and 1.3, with session
// resumption switched on; the reason in the problem details is compared.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { operatorOf, type TlsVersion, type Visit, type Visited, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { visitWithCurl } from '../helpers/curl-client.ts'
import { visitWithOpenssl } from '../helpers/openssl-client.ts'
import { startJudgingApp } from './judging-app.ts'
import { type MintedCase, mintMatrix } from './matrix-certificates.ts'

/** Cases tried at the same time: most of the time goes to starting programs. */
const lanes = 3
const versions: readonly TlsVersion[] = ['1.2', '1.3']
const matrix = mintMatrix()
const app = await startJudgingApp()
const gateway = await matrix.startGateway({
  upstreamPort: app.port,
  config: { certificateDoor: { resumption: { enabled: true } } },
})
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
  rmSync(matrix.folder, { recursive: true, force: true })
})
const { folder } = matrix

const revoked = matrix.cases.find(({ name }) => name === 'revoked')?.certificate
await operatorOf(gateway).call('POST', '/v1/revocations', {
  certificates: [{ issuer: 'test-issuing-ca', serial: revoked?.serial }],
})

type Client = (visit: Visit) => Promise<readonly [fresh: Visited, again: Visited]>

const clients: Readonly<Record<string, Client>> = {
  openssl: async (visit) => {
    const file = join(folder, `session-${Math.random()}`)
    const fresh = await visitWithOpenssl(visit, { folder, sessionOut: file })
    return [fresh, await visitWithOpenssl(visit, { folder, sessionIn: file })]
  },
  curl: async (visit) => (await visitWithCurl(visit, { folder, times: 2 })) as [Visited, Visited],
  node: async (visit) => {
    const { visited, session } = await visitWithNode(visit)
    return [visited, (await visitWithNode(visit, session === undefined ? {} : { session })).visited]
  },
}

for (const [clientName, client] of Object.entries(clients)) {
  for (const tlsVersion of versions) {
    t.test(`${clientName} over TLS ${tlsVersion}`, async (t) => {
      const lane = async (start: number) => {
        for (let at = start; at < matrix.cases.length; at += lanes) {
          await check(t, { minted: matrix.cases[at] as MintedCase, client, tlsVersion })
        }
      }
      await Promise.all(Array.from({ length: lanes }, (_, start) => lane(start)))
    })
  }
}

async function check(t: Tap, options: { minted: MintedCase; client: Client; tlsVersion: TlsVersion }): Promise<void> {
  const { minted, client, tlsVersion } = options
  const { certificate, chainPem, expected, name } = minted
  const [fresh, again] = await client({
    port: gateway.ports.certificate,
    certificate,
    tlsVersion,
    ...(chainPem === undefined ? {} : { chainPem }),
  })
  const verdict = verdictOf(fresh)
  t.ok(expected.includes(verdict), `${name}: ${verdict}`, { expected, fresh })
  t.equal(verdictOf(again), verdict, `${name}, a second time: the same`)
  if (fresh.kind === 'failure') return
  t.equal(fresh.resumed, false, `${name}: the first handshake is a full one`)
  if (again.kind === 'answer') t.equal(again.resumed, true, `${name}: the second handshake resumes the session`)
  if (verdict === '200') {
    t.match(fresh.body, /^login ID probe01$/, `${name}: the application is told who comes`)
    return
  }
  t.equal(fresh.status, 403, `${name}: status`)
  t.match(fresh.headers['content-type'], /^application\/problem\+json/, `${name}: problem details`)
  t.strictSame(
    Object.keys(JSON.parse(fresh.body)).sort(),
    ['detail', 'reason', 'requestId', 'status', 'title', 'type'],
    `${name}: members`,
  )
}

type Tap = Pick<typeof t, 'ok' | 'equal' | 'match' | 'strictSame'>

t.test('nobody who was refused reached the application', async (t) => {
  const strangers = app.visits.filter(({ loginId }) => loginId !== 'probe01')
  t.strictSame(strangers, [])
  const permitted = matrix.cases.filter(({ expected }) => expected.includes('200')).length
  // Three clients, two versions, twice each.
  t.equal(app.visits.length, permitted * 12)
})
