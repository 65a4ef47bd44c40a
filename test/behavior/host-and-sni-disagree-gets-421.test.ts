// Goal: one reading of names for SNI, Host and the choice of a server certificate, so that no spelling slips past it
// (CVE-2026-48928: an upper-case SNI; CVE-2026-32305, CVE-2026-53622: SNI and Host that disagree).
// Method: a door with two server certificates and three names, visited with SNI and Host in many spellings.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import t from 'tap'
import { type Visit, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { visitWithCurl } from '../helpers/curl-client.ts'
import { visitWithOpenssl } from '../helpers/openssl-client.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const folder = mkdtempSync(join(tmpdir(), 'sekisho-names-'))
const serverCa = createTestCa({ commonName: 'names-server-ca' })
for (const [name, names] of Object.entries({ login: ['login.bank.test', '127.0.0.1'], wild: ['*.corp.test'] })) {
  const server = serverCa.issueServer({ names })
  writeFileSync(join(folder, `${name}.pem`), server.certificatePem)
  writeFileSync(join(folder, `${name}.key`), server.keyPem, { mode: 0o600 })
}
const app = await startJudgingApp()
const gateway = await withGateway({
  upstreamPort: app.port,
  folder,
  config: {
    certificateDoor: {
      hostNames: ['login.bank.test', 'a.corp.test', 'b.corp.test', '127.0.0.1'],
      serverCertificates: ['login', 'wild'].map((name) => ({ certificate: `${name}.pem`, key: `${name}.key` })),
    },
  },
})
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
  rmSync(folder, { recursive: true, force: true })
})
const port = gateway.ports.certificate
const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
const visit = (changes: Partial<Visit>): Visit => ({ port, certificate, ...changes })

const agree: [sni: string, host: string][] = [
  ['login.bank.test', `login.bank.test:${port}`],
  ['login.bank.test', 'login.bank.test'],
  ['login.bank.test', 'LOGIN.Bank.test'],
  ['login.bank.test', 'login.bank.test.'],
  ['login.bank.test', `login.bank.test.:${port}`],
  ['login.bank.test', 'login.bank.test:1'],
  ['LOGIN.BANK.TEST', 'login.bank.test'],
  ['Login.Bank.Test', 'LOGIN.bank.TEST:443'],
  ['A.CORP.TEST', 'a.corp.test'],
]

const disagree: [sni: string, host: string][] = [
  ['login.bank.test', 'a.corp.test'],
  ['a.corp.test', 'login.bank.test'],
  ['a.corp.test', 'b.corp.test'],
  ['A.CORP.TEST', 'B.CORP.TEST'],
  ['login.bank.test', 'other.test'],
  ['other.test', 'other.test'],
  ['other.test', 'login.bank.test'],
  ['login.bank.test', 'login.bank.test.evil.test'],
  ['login.bank.test', 'login.bank.test..'],
  ['login.bank.test', '127.0.0.1'],
]

t.test('SNI and Host that agree, in any spelling', async (t) => {
  for (const [serverName, host] of agree) {
    t.equal(
      verdictOf(await visitWithOpenssl(visit({ serverName, host }), { folder })),
      '200',
      `${serverName} and ${host}`,
    )
  }
})

t.test('421 where they disagree or name nothing of this door; nothing is forwarded', async (t) => {
  const before = app.visits.length
  for (const [serverName, host] of disagree) {
    const visited = await visitWithOpenssl(visit({ serverName, host }), { folder })
    t.equal(visited.kind === 'answer' && visited.status, 421, `${serverName} and ${host}`)
  }
  t.equal(app.visits.length, before)
})

t.test(
  '421 comes before the question who it is: a refused certificate learns nothing under a wrong name',
  async (t) => {
    const stranger = createTestCa({ commonName: 'another-ca' }).issueClient({ commonName: 'user01' })
    const visited = await visitWithOpenssl(
      visit({ certificate: stranger, serverName: 'login.bank.test', host: 'a.corp.test' }),
      { folder },
    )
    t.equal(visited.kind === 'answer' && visited.status, 421)
  },
)

t.test('without SNI the Host alone decides, among the door’s names', async (t) => {
  t.equal(verdictOf(await visitWithOpenssl(visit({ serverName: '', host: 'b.corp.test' }), { folder })), '200')
  t.equal(verdictOf(await visitWithOpenssl(visit({ serverName: '', host: `127.0.0.1:${port}` }), { folder })), '200')
  const visited = await visitWithOpenssl(visit({ serverName: '', host: 'other.test' }), { folder })
  t.equal(visited.kind === 'answer' && visited.status, 421)
})

t.test('curl and Node are read the same way', async (t) => {
  const wrong = visit({ serverName: 'login.bank.test', host: 'a.corp.test' })
  const [curl] = await visitWithCurl(wrong, { folder })
  t.equal(curl?.kind === 'answer' && curl.status, 421)
  const { visited } = await visitWithNode(wrong)
  t.equal(visited.kind === 'answer' && visited.status, 421)
  const [right] = await visitWithCurl(visit({ serverName: 'LOGIN.bank.test' }), { folder })
  t.equal(right && verdictOf(right), '200')
})

t.test('the server certificate is chosen by SNI in any case; the first one answers the rest', async (t) => {
  const chosen = async (serverName: string) => (await serverCertificate({ servername: serverName })).subjectaltname
  const [login, wild] = ['DNS:login.bank.test, IP Address:127.0.0.1', 'DNS:*.corp.test']
  for (const name of ['login.bank.test', 'LOGIN.BANK.TEST']) t.equal(await chosen(name), login, name)
  for (const name of ['a.corp.test', 'A.Corp.TEST', 'b.corp.test']) t.equal(await chosen(name), wild, name)
  for (const name of ['', 'other.test', 'corp.test', 'a.b.corp.test'])
    t.equal(await chosen(name), login, name || 'no SNI')
})

t.test('an upper-case SNI meets the same rule on certificates (CVE-2026-48928)', async (t) => {
  const stranger = createTestCa({ commonName: 'another-ca' }).issueClient({ commonName: 'user01' })
  for (const serverName of ['login.bank.test', 'LOGIN.BANK.TEST', 'A.CORP.TEST']) {
    const missing = visit({ certificate: undefined, serverName, host: serverName })
    t.equal(verdictOf(await visitWithOpenssl(missing, { folder })), 'certificate_missing', serverName)
    const foreign = visit({ certificate: stranger, serverName, host: serverName })
    t.equal(verdictOf(await visitWithOpenssl(foreign, { folder })), 'issuer_not_trusted', serverName)
  }
})

async function serverCertificate(options: ConnectionOptions): Promise<PeerCertificate> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
  })
  const certificate = socket.getPeerCertificate()
  socket.destroy()
  return certificate
}
