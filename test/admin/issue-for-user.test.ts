// Goal: a certificate that the security role has issued in a user's place keeps the rules of an issue, and the operator is on record.
// Method: a real admin door over a real store, with a CA that signs.
import { X509Certificate } from 'node:crypto'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { issuingFile } from '../../src/config/issuing-file.ts'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { buildSigningRequest } from '../../src/x509/build-signing-request.ts'
import { parseCertificateProfile } from '../../src/x509/certificate-profile.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { makeKeys } from '../helpers/test-ca.ts'
import { signingCa } from '../lifecycle/fake-lifecycle.ts'
import { operators, withAdmin } from './with-admin.ts'

async function withIssuing(t: Test) {
  const written = issuingFile.parse({ issuer: 'signing-ca', signer: { kind: 'file', key: 'unused.key' } })
  if (written === undefined) throw new Error('nothing issues')
  const { certificatePem, keyPem } = signingCa
  const config = { ...written, signer: { kind: 'file', keyPem, keyPassword: undefined } } as const
  const ca = readIssuingCa({ name: 'signing-ca', certificatePem, chainPems: [] }, systemClock.nowMs())
  const maker = { kind: 'own', signer: createFileSigner(config.signer) } as const
  const issuing = { config, ca, profile: parseCertificateProfile(config), maker }
  return await withAdmin(t, { lifecycle: { issuing: () => issuing, nowMs: () => systemClock.nowMs() } })
}

const requestPem = () => buildSigningRequest({ privateKey: makeKeys('p256').privateKey }).pem

t.test(
  'R2, R3, R17, R25: issued once, again for the same key, refused beyond; on record with operator and reason',
  async (t) => {
    const { call, audited, store } = await withIssuing(t)
    const json = { loginId: 'user01', signingRequest: requestPem(), reason: 'PC replaced' }
    const post = (body: object, certificate = operators.security) =>
      call('POST', '/v1/certificates', { certificate, json: body })
    t.equal((await post(json, operators.branch)).status, 403)
    t.match((await post({ ...json, dryRun: true })).body, { dryRun: true, outcome: 'would_be_issued' })
    t.strictSame(await store.certificatesOf('user01', 0), [], 'a dry run issues nothing')
    const issued = await post(json)
    t.match(issued, { status: 200, body: { outcome: 'issued', issuer: 'signing-ca', chain: /BEGIN CERTIFICATE/ } })
    const certificate = new X509Certificate(String(issued.body.certificate))
    t.equal(certificate.subject, 'CN=user01')
    t.equal(certificate.serialNumber.toLowerCase().replace(/^0+/, ''), issued.body.serial)
    const event = audited.find((one) => one.event === 'certificate_issued')
    t.match(event, {
      actor: { kind: 'operator', name: 'sato.hanako' },
      reason: 'PC replaced',
      detail: { role: 'security' },
    })
    t.match((await post({ ...json, dryRun: true })).body, { outcome: 'would_be_given_again' })
    t.match((await post(json)).body, { outcome: 'given_again', certificate: issued.body.certificate }, 'R8')
    const other = { ...json, signingRequest: requestPem() }
    for (const dryRun of [true, false]) {
      t.match(await post({ ...other, dryRun }), { status: 409, body: { code: 'certificate_exists' } })
    }
    await store.upsertContract({ contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 1 })
    t.match(await post({ ...other, loginId: 'user02' }), { status: 409, body: { code: 'certificate_limit_reached' } })
    const history = await call('GET', '/v1/users/user01/history')
    t.match(history.body, { entries: [{ what: 'issued', who: 'sato.hanako' }] })
  },
)

t.test('requests that cannot be used say why', async (t) => {
  const { call } = await withIssuing(t)
  const json = { loginId: 'user01', signingRequest: 'nothing', reason: 'x', dryRun: true }
  t.match(await call('POST', '/v1/certificates', { json }), {
    status: 400,
    body: { code: 'signing_request_invalid', path: 'signingRequest' },
  })
  t.match(
    await call('POST', '/v1/certificates', { json: { ...json, loginId: 'nobody', signingRequest: requestPem() } }),
    {
      status: 404,
      body: { code: 'admin_not_found', path: 'loginId' },
    },
  )
  const without = await withAdmin(t)
  t.match(await without.call('POST', '/v1/certificates', { json: { ...json, signingRequest: requestPem() } }), {
    status: 404,
    body: { code: 'issuing_disabled' },
  })
})
