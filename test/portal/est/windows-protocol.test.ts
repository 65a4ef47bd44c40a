// Goal: what the enrolment script for Windows says to the server is understood, with the settings that stand in the script. Method: the
// exchanges of the script, done here in its order with its fields and bodies; it cannot itself be run here.
import t from 'tap'
import { makeEnrolmentCode } from '../../../src/lifecycle/enrolment-code.ts'
import { openEnrolReport, readEnrolReport } from '../../../src/portal/est/enrol-report.ts'
import { windowsScript } from '../../../src/portal/est/windows-script.ts'
import { buildSigningRequest } from '../../../src/x509/build-signing-request.ts'
import { ask, certificateOf, certificatesOf, commonName, newKey } from './est-program.ts'
import { type EstWorld, startEstWorld } from './est-world.ts'

async function scriptFor(world: EstWorld, loginId: string): Promise<string> {
  const { code } = await makeEnrolmentCode({ loginId, proof: { kind: 'password' } }, world.ports)
  await openEnrolReport({ loginId, code }, world.ports)
  const publicAuthority = `localhost:${world.publicPort}`
  return windowsScript({ publicAuthority, loginId, code, serviceName: 'せきしょ銀行', keyType: 'P-256' })
}

/** A value of the script without quotation marks in it. */
function valueIn(script: string, name: string): string {
  return new RegExp(`^\\$${name} = '([^']*)'\\r$`, 'm').exec(script)?.[1] ?? ''
}

/** As certreq writes it: PEM with Microsoft's heading, CR LF; then as the script takes it apart. */
function requestBody(loginId: string, key = newKey()): string {
  const { der } = buildSigningRequest({
    privateKey: key,
    subject: commonName(loginId),
    extensions: { keyUsage: ['digitalSignature'] },
    otherAttributes: [{ oid: '1.3.6.1.4.1.311.13.2.3', valueDer: Buffer.from('160c31302e302e32363130302e32', 'hex') }],
  })
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{1,64}/g, '$&\r\n')
  const file = `-----BEGIN NEW CERTIFICATE REQUEST-----\r\n${lines}-----END NEW CERTIFICATE REQUEST-----\r\n`
  return file.replace(/-----[A-Z ]+-----/g, '').replace(/\s/g, '')
}

t.test('R7 the exchanges of the script end with a certificate and a report', async (t) => {
  const world = await startEstWorld(t)
  const script = await scriptFor(world, 'user01')
  t.equal(valueIn(script, 'Server'), `https://localhost:${world.publicPort}`)
  const [enrolPath, authoritiesPath, reportPath] = [...script.matchAll(/Send-Http '(?:POST|GET)' '([^']+)'/g)].map(
    ([, path]) => path,
  )
  const answer = await ask(world, {
    operation: enrolPath ?? '',
    body: requestBody('user01'),
    basic: `${valueIn(script, 'LoginId')}:${valueIn(script, 'Code')}`,
    headers: { 'Content-Type': 'application/pkcs10; charset=us-ascii' },
  })
  t.match(certificateOf(answer).subject, /CN=user01$/)
  const authorities = certificatesOf(await ask(world, { operation: authoritiesPath ?? '' }))
  t.same(authorities.map(({ subject, issuer }) => subject === issuer).sort(), [false, true])
  const report = `{"code":"${valueIn(script, 'CodeId')}","outcome":"installed","status":${answer.status}}`
  const headers = { 'Content-Type': 'application/json; charset=us-ascii' }
  t.equal((await ask(world, { operation: reportPath ?? '', body: report, headers })).status, 204)
  t.match(await readEnrolReport('user01', world.ports), { outcome: 'installed', status: 200 })
})

t.test('R8 a script that is run again with the request it kept gets the same certificate', async (t) => {
  const world = await startEstWorld(t)
  const body = requestBody('user01')
  const enrol = async () => {
    const script = await scriptFor(world, 'user01')
    const basic = `user01:${valueIn(script, 'Code')}`
    return certificateOf(await ask(world, { operation: 'simpleenroll', body, basic }))
  }
  t.equal((await enrol()).fingerprint256, (await enrol()).fingerprint256, 'also with a new code')
})

t.test('the script has words for every refusal that it may get', async (t) => {
  const world = await startEstWorld(t)
  const script = await scriptFor(world, 'user01')
  const known = [...script.matchAll(/^ {2}(\d{3}) = @\('/gm)].map(([, status]) => Number(status))
  t.same(known, [400, 401, 403, 404, 409, 429, 503])
})
