// Goal: an open connection that is judged anew is cut for what revokes it, and for nothing else: not for the time that has passed, which
// its next request is told of, nor for a rule on others. Method: real TLS connections into the real `ClientConnection`, the index as the
// control thread would change it, and a door that does nothing else.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { connect, createSecureContext, TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { TickClock } from '../../src/base/tick-clock.ts'
import { ClientConnection } from '../../src/data-path/client-connection.ts'
import type { Door } from '../../src/data-path/door.ts'
import { CertificateReader } from '../../src/data-path/presented-certificate.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { createTrust } from '../trust/trust-fakes.ts'

const ca = createTestCa({ commonName: 'ca' })
const nowMs = systemClock.nowMs()
const issuer = readIssuingCa({ name: 'ca', certificatePem: ca.certificatePem, chainPems: [] }, nowMs)
const server = ca.issueServer()
const forever = { notBeforeMaxMs: nowMs + 86_400_000 }

/** A door that lets connections in and has nothing behind it. */
async function setUp(t: Test, changes: { directory?: boolean } = {}) {
  const trust = createTrust(changes)
  trust.clock.wallMs = nowMs
  const clock = new TickClock(trust.clock)
  const cuts: string[] = []
  const ignore = () => {}
  const metrics = new Proxy({ connectionCut: (_: string, reason: string) => cuts.push(reason) } as object, {
    get: (known, name) => Reflect.get(known, name) ?? ignore,
  })
  const times = { handshakeTimeoutMs: 10_000, headTimeoutMs: 10_000, keepAliveIdleTimeoutMs: 10_000 }
  const door = {
    name: 'certificate',
    certificates: new CertificateReader({ issuers: [issuer], loginId: { from: 'commonName' }, rsaBitsMin: 2_048 }),
    trust: { ...trust.state, clock },
    services: { clock, renewalDueDays: 30, timeZone: 'UTC', signer: undefined, sealer: undefined },
    deadlines: { add: ignore, remove: ignore },
    batch: { run: ignore, fromClient: ignore },
    audit: { refused: ignore },
    limits: times,
    clock,
    metrics,
    nextRequestIds: () => 'request-',
    nextConnectionId: () => ++connections,
  } as unknown as Door
  let connections = 0
  const opened: ClientConnection[] = []
  const place = { permitted: ignore, failed: ignore, release: ignore } as never
  const secureContext = createSecureContext({ key: server.keyPem, cert: server.certificatePem, ca: ca.certificatePem })
  const listener = createServer((raw: Socket) => {
    const socket = new TLSSocket(raw, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: false })
    opened.push(new ClientConnection({ socket, door, clientAddress: '127.0.0.1', place, ended: ignore }))
  })
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => listener.close())
  const enter = async (certificate: TestCertificate) => {
    const { port } = listener.address() as AddressInfo
    const { keyPem: key, certificatePem: cert } = certificate
    const client = connect({ host: '127.0.0.1', port, key, cert, ca: ca.certificatePem, servername: 'localhost' })
    client.on('error', ignore)
    t.teardown(() => client.destroy())
    const ended = once(client, 'close')
    await once(client, 'secureConnect')
    const connection = opened.at(-1) as ClientConnection
    await eventually(
      () => connection.verdict,
      (verdict) => verdict !== undefined,
    )
    return { connection, ended }
  }
  return { ...trust, enter, cuts }
}

const clientOf = (commonName: string) => ca.issueClient({ commonName })

t.test('a rule on its login ID cuts it, and nobody else', async (t) => {
  const { index, live, enter, cuts } = await setUp(t)
  const [one, other] = [await enter(clientOf('user01')), await enter(clientOf('user02'))]
  t.equal(live.recheck({ issuerId: ca.issuerId }), 0, 'nothing has changed')
  index.setRule('a', { by: 'loginId', loginId: 'user01', ...forever, version: 5 })
  t.equal(live.recheck({ loginId: 'user01' }), 1)
  t.equal(live.recheck({ issuerId: ca.issuerId }), 0, 'the other one stays; the first is gone')
  await one.ended
  t.strictSame(cuts, ['certificate_revoked'])
  t.equal(live.size, 1)
  t.equal(one.connection.recheck(), false, 'one that has ended is not cut again')
  t.ok(other.connection.stillPermitted())
  t.equal(live.untracked(), 0)
})

t.test('a rule on its issuer cuts it, unless its certificate was restored later', async (t) => {
  const { index, live, enter, cuts } = await setUp(t)
  const [one, other] = [clientOf('user01'), clientOf('user02')]
  await enter(one)
  const restored = await enter(other)
  index.setExemption(fingerprintOf('revoked', `${ca.issuerId}:${other.serial}`), 6)
  index.setRule('a', { by: 'issuer', issuerId: ca.issuerId, notBeforeMinMs: 0, ...forever, version: 5 })
  t.equal(live.recheck({ issuerId: ca.issuerId }), 1)
  t.strictSame(cuts, ['certificate_revoked'])
  t.equal(live.size, 1)
  index.setRule('a', { by: 'issuer', issuerId: ca.issuerId, notBeforeMinMs: 0, ...forever, version: 6 })
  t.equal(live.recheck({ issuerId: ca.issuerId }), 1, 'a tie means revoked')
  await restored.ended
})

t.test('what only time decides cuts nothing, and hides nothing', async (t) => {
  const { index, clock, live, enter, cuts } = await setUp(t)
  const { ended } = await enter(clientOf('user01'))
  clock.wallMs = issuer.certificate.notAfterMs + 86_400_000
  t.equal(live.recheck({ loginId: 'user01' }), 0, 'expired, and its issuer too')
  clock.advance(1_000_000)
  t.equal(live.recheck({ loginId: 'user01' }), 0, 'the trust data are stale')
  index.setRule('a', { by: 'loginId', loginId: 'user01', ...forever, version: 5 })
  t.equal(live.recheck({ loginId: 'user01' }), 1, 'revoked, though expired as well')
  t.strictSame(cuts, ['certificate_revoked'])
  await ended
})

t.test('a connection that was refused is not judged anew', async (t) => {
  const { index, live, enter, cuts } = await setUp(t)
  index.add(fingerprintOf('suspended', 'user01'))
  const { connection } = await enter(clientOf('user01'))
  t.match(connection.verdict, { kind: 'denial', reason: 'user_suspended' })
  index.setRule('a', { by: 'loginId', loginId: 'user01', ...forever, version: 5 })
  t.equal(live.recheck({ loginId: 'user01' }), 0)
  t.equal(live.size, 1, 'it may still be told why')
  t.equal(live.untracked(), 0)
  t.strictSame(cuts, [])
})

t.test('certificates that are connected are told from the moment they are judged', async (t) => {
  const { live, enter } = await setUp(t)
  const certificate = clientOf('user01')
  const key = `${ca.issuerId}:${certificate.serial}`
  const { connection, ended } = await enter(certificate)
  t.strictSame(live.takeKeyChanges(), { added: [key], removed: [] })
  connection.end('client_closed')
  await ended
  t.strictSame(live.takeKeyChanges(), { added: [], removed: [key] })
  t.equal(live.untracked(), 0)
})
