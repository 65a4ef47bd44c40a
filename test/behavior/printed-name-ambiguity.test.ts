// Goal: identity comes from the DER of the certificate, never from a printed name, so that no spelling of a name reads as
// somebody else's login ID (CVE-2021-44531, CVE-2021-44532, CVE-2021-44533).
// Method: certificates with names made to be misread go through the real door; what the application is told is compared.
import t from 'tap'
import type { NameAttribute } from '../../src/x509/client-certificate.ts'
import { derElement, derOid, derSequence, derText } from '../../src/x509/der-writer.ts'
import { oids } from '../../src/x509/oids.ts'
import { verdictOf, visitWithNode } from '../helpers/clients.ts'
import { type ClientOptions, createTestCa } from '../helpers/test-ca.ts'
import { withGateway } from '../helpers/with-gateway.ts'
import { startJudgingApp } from './judging-app.ts'

const app = await startJudgingApp()
const gateway = await withGateway({ upstreamPort: app.port })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const { commonName, organizationName, countryName } = oids
const base: NameAttribute[] = [{ oid: countryName, value: 'JP' }]

async function check(subject: readonly NameAttribute[], more: Partial<ClientOptions> = {}): Promise<string> {
  const certificate = gateway.issuingCa.issueClient({ commonName: undefined, subject, ...more })
  const { visited } = await visitWithNode({ port: gateway.ports.certificate, certificate })
  return visited.kind === 'answer' && visited.status === 200 ? visited.body : verdictOf(visited)
}

const cn = (value: string): NameAttribute => ({ oid: commonName, value })

t.test('what looks like another CN inside an attribute is text', async (t) => {
  t.equal(await check([...base, { oid: organizationName, value: 'X, CN=user02' }, cn('user01')]), 'login ID user01')
  t.equal(await check([...base, { oid: organizationName, value: 'X\nCN=user02' }, cn('user01')]), 'login ID user01')
  t.equal(await check([...base, { oid: organizationName, value: 'X/CN=user02' }, cn('user01')]), 'login ID user01')
  t.equal(await check([...base, { oid: organizationName, value: 'CN=user02' }]), 'login_id_missing')
})

t.test('a CN made to be split stays one, or is none', async (t) => {
  t.equal(await check([...base, cn('user01,CN=user02')]), 'login ID user01,CN=user02')
  t.equal(await check([...base, cn('CN=user02')]), 'login ID CN=user02')
  t.equal(await check([...base, cn('user01/CN=user02')]), 'login ID user01/CN=user02')
  t.equal(await check([...base, cn('user01+CN=user02')]), 'login ID user01+CN=user02')
  t.equal(await check([...base, cn('"user01"')]), 'login ID "user01"')
  t.equal(await check([...base, cn('user01\\2CCN=user02')]), 'login ID user01\\2CCN=user02')
})

t.test('two CNs name nobody, in whatever order and grouping', async (t) => {
  t.equal(await check([...base, cn('user01'), cn('user02')]), 'login_id_missing')
  t.equal(await check([cn('user02'), ...base, cn('user01')]), 'login_id_missing')
  t.equal(await check([...base, cn('user01'), cn('user01')]), 'login_id_missing')
})

t.test('NUL, control characters, blanks and letters outside ASCII name nobody', async (t) => {
  const odd = [
    'user01\0',
    'user01\0.evil',
    '\0user01',
    'user01\n',
    'user01\r\nSekisho-Login-Id: user02',
    'user01 ',
    ' user01',
  ]
  const alike = ['uѕer01', 'user０１', 'user01\u200b', '\ufeffuser01', 'user01\u202e', 'usér01', 'ｕｓｅｒ01']
  for (const value of [...odd, ...alike, '', 'x'.repeat(65)]) {
    t.equal(await check([...base, cn(value)]), 'login_id_missing', JSON.stringify(value))
  }
  t.equal(await check([...base, cn('x'.repeat(64))]), `login ID ${'x'.repeat(64)}`)
})

t.test('case counts: USER01 is not user01', async (t) => {
  t.equal(await check([...base, cn('USER01')]), 'login ID USER01')
})

t.test('a name in the alternative names is no CN', async (t) => {
  const subjectAltNames = [
    { kind: 'email', value: 'user02@bank.test' } as const,
    { kind: 'dns', value: 'user02' } as const,
  ]
  t.equal(await check([...base, cn('user01')], { subjectAltNames }), 'login ID user01')
  t.equal(await check(base, { subjectAltNames }), 'login_id_missing')
})

t.test('sources: a URI or otherName made to be misread names nobody (CVE-2021-44531, CVE-2021-44532)', async (t) => {
  const uri = await withGateway({
    upstreamPort: app.port,
    config: { certificateDoor: { loginId: { from: 'sanUri', prefix: 'urn:bank:login:' } } },
  })
  t.teardown(() => uri.stop())
  const verdict = async (values: readonly string[]) => {
    const subjectAltNames = values.map((value) => ({ kind: 'uri', value }) as const)
    const certificate = uri.issuingCa.issueClient({ commonName: 'user09', subjectAltNames })
    const { visited } = await visitWithNode({ port: uri.ports.certificate, certificate })
    return visited.kind === 'answer' && visited.status === 200 ? visited.body : verdictOf(visited)
  }
  t.equal(await verdict(['urn:bank:login:user01']), 'login ID user01')
  t.equal(await verdict(['urn:bank:login:user01, URI:urn:bank:login:user02']), 'login_id_missing')
  t.equal(await verdict(['urn:bank:login:user01', 'urn:bank:login:user02']), 'login_id_missing')
  t.equal(await verdict(['https://x.test/urn:bank:login:user02', 'urn:bank:login:user01']), 'login ID user01')
  t.equal(await verdict(['URN:BANK:LOGIN:user02']), 'login_id_missing')
  t.equal(await verdict(['urn:bank:login:']), 'login_id_missing')
})

t.test('an otherName is known by its type', async (t) => {
  const upn = '1.3.6.1.4.1.311.20.2.3'
  const other = await withGateway({
    upstreamPort: app.port,
    config: { certificateDoor: { loginId: { from: 'sanOtherName', oid: upn } } },
  })
  t.teardown(() => other.stop())
  const verdict = async (names: readonly { oid: string; value: string }[]) => {
    const subjectAltNames = names.map((name) => ({ kind: 'otherName', ...name }) as const)
    const certificate = other.issuingCa.issueClient({ commonName: 'user09', subjectAltNames })
    const { visited } = await visitWithNode({ port: other.ports.certificate, certificate })
    return visited.kind === 'answer' && visited.status === 200 ? visited.body : verdictOf(visited)
  }
  t.equal(await verdict([{ oid: upn, value: 'user01' }]), 'login ID user01')
  t.equal(await verdict([{ oid: '1.3.6.1.4.1.311.20.2.4', value: 'user02' }]), 'login_id_missing')
  t.equal(
    await verdict([
      { oid: upn, value: 'user01' },
      { oid: upn, value: 'user02' },
    ]),
    'login_id_missing',
  )
})

t.test('a relative name of several values: its CN counts once, two CNs in it are two', async (t) => {
  const attribute = (oid: string, value: string) => derSequence(derOid(oid), derText(0x0c, value))
  const issueWith = (...attributes: Uint8Array[]) => {
    const ca = createTestCa({ commonName: 'x' })
    return { ca, nameDer: derSequence(derElement(0x31, ...attributes)) }
  }
  // Built by hand: the test CA writes one attribute in each relative name.
  const one = issueWith(attribute(commonName, 'user01'), attribute(organizationName, 'CN=user02'))
  const two = issueWith(attribute(commonName, 'user01'), attribute(commonName, 'user02'))
  const { findLoginId } = await import('../../src/trust/login-id.ts')
  const { nameAttributes, readName } = await import('../../src/x509/read-name.ts')
  const found = (nameDer: Uint8Array) =>
    findLoginId({ subject: nameAttributes(readName(nameDer)), subjectAltNames: [] } as never, { from: 'commonName' })
  t.strictSame(found(one.nameDer), { loginId: 'user01' })
  t.match(found(two.nameDer), { missing: /2 values/ })
})
