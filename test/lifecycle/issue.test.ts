// Goal: what is issued is valid as the rules say, given again for the same key, and never lost or given twice when something fails.
// Method: the real functions over a real embedded store, follower and publisher; the CA's key signs; faults are switched on by the test.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { revoke } from '../../src/lifecycle/revoke.ts'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { parseCertificateKey } from '../../src/x509/certificate-key.ts'
import { readCertificate } from '../../src/x509/read-certificate.ts'
import { startFakeGateway } from '../control-path/fake-gateway.ts'
import { dayMs, operator } from '../store/samples.ts'
import { by, ca, type IssuingGateway, issuingOver, newRequest, startIssuing, statesAt } from './issuing-gateway.ts'

const everything = { certificates: [], reason: 'unspecified', comment: '', dryRun: false } as const
const fileSigner = createFileSigner({ keyPem: ca.keyPem, keyPassword: undefined })

function revokeAll({ ports }: IssuingGateway, loginId = 'user01') {
  return revoke({ ...everything, loginIds: [loginId] }, operator, ports)
}

t.test('R5, R12: a first certificate is valid for a year, names the login ID, and is on record', async (t) => {
  const gateway = await startIssuing(t)
  const requestDer = newRequest()
  const startMs = Date.now()
  const issued = await gateway.issue({ requestDer })
  const certificate = readCertificate(issued.der)
  t.equal(certificate.notAfterMs, Math.floor((startMs + 365 * dayMs) / 1_000) * 1_000)
  t.ok(certificate.notBeforeMs <= startMs, 'it begins a while ago, for clocks that go wrong')
  t.strictSame(
    certificate.subject.map(({ value }) => value),
    ['JP', 'Test Bank', 'shoji', 'user01'],
  )
  t.equal(issued.again, false)
  t.match(gateway.audited, [
    {
      event: 'certificate_issued',
      actor: { kind: 'user', name: 'user01' },
      requestId: 'r-1',
      detail: { address: '192.0.2.1' },
    },
  ])
  t.strictSame(gateway.mails, ['issued user01'])
  t.strictSame(await statesAt(gateway), ['issued'])
})

t.test('R5: another validity is a matter of configuration', async (t) => {
  const { issue } = await startIssuing(t, { issuing: { validityDays: 30, backdateSeconds: 0 } })
  const { notBeforeMs, notAfterMs } = await issue({ requestDer: newRequest() })
  t.equal(notAfterMs - notBeforeMs, 30 * dayMs)
})

t.test('R8: the same key gets the same certificate, which is issued, recorded and mailed once', async (t) => {
  const { issue, audited, mails, store } = await startIssuing(t)
  const requestDer = newRequest()
  const first = await issue({ requestDer })
  const second = await issue({ requestDer })
  t.strictSame(Buffer.from(second.der), Buffer.from(first.der))
  t.equal(second.again, true)
  t.equal((await store.certificatesOf('user01', 0)).length, 1)
  t.strictSame(
    audited.map(({ event }) => event),
    ['certificate_issued'],
  )
  t.strictSame(mails, ['issued user01'])
})

t.test('R17: refused with another key while a certificate exists, and the refusal is on record', async (t) => {
  const { issue, audited } = await startIssuing(t)
  await issue({ requestDer: newRequest() })
  await t.rejects(issue({ requestDer: newRequest() }), { code: 'certificate_exists' })
  t.match(audited.at(-1), { event: 'issue_refused', reason: 'certificate_exists', target: { name: 'user01' } })
  t.ok(await issue({ loginId: 'user02', requestDer: newRequest() }), 'another user gets theirs')
})

t.test('R18: one that never installed is revoked and issued again, without being used in between', async (t) => {
  const gateway = await startIssuing(t)
  const lost = await gateway.issue({ requestDer: newRequest() })
  await t.rejects(gateway.issue({ requestDer: newRequest() }), { code: 'certificate_exists' })
  await revokeAll(gateway)
  const issued = await gateway.issue({ requestDer: newRequest() })
  t.not(issued.serial, lost.serial)
  t.ok(gateway.isRevoked(lost.key))
  t.notOk(gateway.isRevoked(issued.key))
  t.strictSame(await statesAt(gateway), ['issued revoked', 'issued'])
})

t.test('R2: a key that some other user’s certificate has is refused, revoked or not', async (t) => {
  const gateway = await startIssuing(t)
  const requestDer = newRequest()
  await gateway.issue({ requestDer })
  await t.rejects(gateway.issue({ loginId: 'user02', requestDer }), { code: 'key_reused' })
  await revokeAll(gateway)
  await t.rejects(gateway.issue({ loginId: 'user02', requestDer }), { code: 'key_reused' })
  t.ok(await gateway.issue({ loginId: 'user02', requestDer: newRequest() }))
})

t.test('R20: renewing again replaces the pending certificate and leaves the old one', async (t) => {
  const gateway = await startIssuing(t)
  const old = await gateway.issue({ requestDer: newRequest() })
  await gateway.store.useCertificate(old.key)
  await gateway.issue({ requestDer: newRequest(), proof: by(old.key) })
  t.strictSame(await statesAt(gateway), ['current', 'issued'])
  const last = await gateway.issue({ requestDer: newRequest(), proof: by(old.key) })
  t.strictSame(await statesAt(gateway), ['current', 'superseded', 'issued'])
  t.strictSame((await gateway.store.useCertificate(last.key)).superseded, [old.key])
  t.match(gateway.audited.at(-1), { event: 'certificate_renewed', detail: { renews: old.key } })
})

t.test('suspended users and contracts in password mode get nothing, unknown ones neither (R21)', async (t) => {
  const { issue, store } = await startIssuing(t)
  await store.setSuspended('user01', true)
  await t.rejects(issue({ requestDer: newRequest() }), { code: 'login_refused' })
  await t.rejects(issue({ loginId: 'pass01', requestDer: newRequest() }), { code: 'not_certificate_mode' })
  await t.rejects(issue({ loginId: 'nobody', requestDer: newRequest() }), { code: 'login_refused' })
  await store.setSuspended('user01', false)
  t.ok(await issue({ requestDer: newRequest() }), 'and is let in again')
})

t.test('R8: a signer that is away signs nothing; asking again works, with the same key or with another', async (t) => {
  let isAway = true
  const sign = (tbs: Uint8Array) => {
    if (isAway) throw new GatewayError('signer_unavailable', 'Cannot sign as the token is away')
    return fileSigner.sign(tbs)
  }
  const maker = { kind: 'own', signer: { ...fileSigner, sign: async (tbs: Uint8Array) => sign(tbs) } } as const
  const gateway = await startIssuing(t, { maker })
  const requestDer = newRequest()
  await t.rejects(gateway.issue({ requestDer }), { code: 'signer_unavailable' })
  await t.rejects(gateway.issue({ loginId: 'user02', requestDer: newRequest() }), { code: 'signer_unavailable' })
  const [reserved] = await gateway.store.certificatesOf('user01', 0)
  isAway = false
  const issued = await gateway.issue({ requestDer })
  t.equal(issued.key, reserved?.key, 'the serial number is the one that was recorded')
  t.strictSame(await statesAt(gateway), ['issued'])
  const other = await gateway.issue({ loginId: 'user02', requestDer: newRequest() })
  t.equal(other.again, false, 'what was never signed is in nobody’s way')
  t.strictSame(await statesAt(gateway, 'user02'), ['superseded', 'issued'])
})

t.test('while another gateway may still sign, another key waits for it (R17)', async (t) => {
  const { promise: signed, resolve: letSign } = Promise.withResolvers<void>()
  const { promise: asked, resolve: begin } = Promise.withResolvers<void>()
  const sign = async (tbs: Uint8Array) => {
    begin()
    await signed
    return fileSigner.sign(tbs)
  }
  const gateway = await startIssuing(t, { maker: { kind: 'own', signer: { ...fileSigner, sign } } })
  const slow = gateway.issue({ requestDer: newRequest() })
  await asked
  await t.rejects(gateway.issue({ requestDer: newRequest() }), { code: 'certificate_exists' })
  letSign()
  t.equal((await slow).again, false)
  t.strictSame(await statesAt(gateway), ['issued'])
})

t.test('what the profile may not give is found before anything is signed', async (t) => {
  let signatures = 0
  const sign = (tbs: Uint8Array) => {
    signatures++
    return fileSigner.sign(tbs)
  }
  const maker = { kind: 'own', signer: { ...fileSigner, sign } } as const
  const far = Date.now() + 9 * 365 * dayMs
  const beyond = await startIssuing(t, { maker })
  // Beyond the end of the CA: whatever is issued then would end before it begins.
  const late = issuingOver(beyond, { maker, nowMs: () => far })
  await t.rejects(late.issue({ requestDer: newRequest() }), { code: 'certificate_lint_failed' })
  t.equal(signatures, 0)
  await beyond.issue({ requestDer: newRequest() })
  t.equal(signatures, 1)
})

t.test('two gateways are asked at once for one login ID: it has one certificate (R2)', async (t) => {
  const one = await startIssuing(t)
  const two = issuingOver(await startFakeGateway(t, { file: one.file }))
  await two.follower.ready()
  for (const loginId of ['user01', 'user02', 'user03']) {
    const outcomes = await Promise.allSettled(
      [one, two, one, two].map(({ issue }) => issue({ loginId, requestDer: newRequest() })),
    )
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
    t.strictSame([...new Set(refused)], ['certificate_exists'])
    const alive = (await statesAt(one, loginId)).filter((state) => state === 'issued')
    t.equal(alive.length, 1, loginId)
  }
})

t.test('R8: the same key at two gateways at once gives one certificate to both', async (t) => {
  const one = await startIssuing(t)
  const two = issuingOver(await startFakeGateway(t, { file: one.file }))
  await two.follower.ready()
  const requestDer = newRequest()
  const [first, second] = await Promise.all([one.issue({ requestDer }), two.issue({ requestDer })])
  t.strictSame(Buffer.from(first.der), Buffer.from(second.der))
  t.equal((await one.store.certificatesOf('user01', 0)).length, 1)
})

t.test('R3: of two who race for the last place one is refused', async (t) => {
  const one = await startIssuing(t, { limit: 2 })
  const two = issuingOver(await startFakeGateway(t, { file: one.file }))
  await two.follower.ready()
  await one.issue({ loginId: 'master01', requestDer: newRequest() })
  const outcomes = await Promise.allSettled([
    one.issue({ loginId: 'user01', requestDer: newRequest() }),
    two.issue({ loginId: 'user02', requestDer: newRequest() }),
  ])
  t.strictSame(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  t.match(
    outcomes.find(({ status }) => status === 'rejected'),
    { reason: { code: 'certificate_limit_reached' } },
  )
})

t.test('R16: right after a revocation of the login ID a new certificate begins after it', async (t) => {
  const waited: number[] = []
  const gateway = await startIssuing(t, { pause: async (durationMs) => void waited.push(durationMs) })
  const old = await gateway.issue({ requestDer: newRequest() })
  await revokeAll(gateway)
  const issued = await gateway.issue({ requestDer: newRequest() })
  const { issuerId } = parseCertificateKey(old.key)
  const boundMs = (await gateway.ports.revokedUntilMs('user01', issuerId)) ?? Number.NaN
  t.ok(issued.notBeforeMs > boundMs)
  t.ok(issued.notBeforeMs <= boundMs + 1_000, 'and not later than it must')
  t.ok(waited.every((durationMs) => durationMs > 0 && durationMs <= 1_000))
  const span = (key: typeof old.key, notBeforeMs: number) => ({ key, loginId: 'user01', notBeforeMs })
  const ruled = await gateway.ports.revokedByRule([
    span(old.key, old.notBeforeMs),
    span(issued.key, issued.notBeforeMs),
  ])
  t.strictSame([...ruled], [old.key], 'the doors refuse the old one and admit the new one')
})

t.test('a revocation that lies ahead is told, not waited for', async (t) => {
  const gateway = await startIssuing(t)
  const rule = { by: 'loginId', loginId: 'user01', notBeforeMaxMs: Date.now() + dayMs } as const
  await gateway.publisher.publishRule({ rule, reason: 'unspecified', comment: '' }, operator)
  await t.rejects(gateway.issue({ requestDer: newRequest() }), {
    code: 'signer_unavailable',
    message: /Cannot issue before .* as a revocation covers what begins earlier/,
  })
})

t.test('R16: a certificate that only a rule revokes is in nobody’s way, and counts for no limit', async (t) => {
  const gateway = await startIssuing(t, { limit: 1 })
  const nowMs = Date.now()
  const rule = { by: 'loginId', loginId: 'user01', notBeforeMaxMs: nowMs } as const
  await gateway.publisher.publishRule({ rule, reason: 'unspecified', comment: '' }, operator)
  await recordElsewhere(gateway, 'abc', nowMs - dayMs)
  t.strictSame(await statesAt(gateway), ['current'], 'its record does not say that it is revoked')
  t.ok(await gateway.issue({ requestDer: newRequest() }))
})

t.test('R17: one that a rule of before does not cover, or that was restored since, is still in the way', async (t) => {
  const gateway = await startIssuing(t)
  const nowMs = Date.now()
  const rule = { by: 'loginId', loginId: 'user01', notBeforeMaxMs: nowMs - dayMs } as const
  await gateway.publisher.publishRule({ rule, reason: 'unspecified', comment: '' }, operator)
  const { key } = await recordElsewhere(gateway, 'abc', nowMs - dayMs / 2)
  await t.rejects(gateway.issue({ requestDer: newRequest() }), { code: 'certificate_exists' })
  await gateway.publisher.publishRule(
    { rule: { ...rule, notBeforeMaxMs: nowMs }, reason: 'unspecified', comment: '' },
    operator,
  )
  await gateway.publisher.publish([{ key, loginId: 'user01', reason: 'unspecified', comment: '' }], operator)
  await gateway.publisher.restore(key, operator)
  await t.rejects(gateway.issue({ requestDer: newRequest() }), { code: 'certificate_exists' })
})

async function recordElsewhere(gateway: IssuingGateway, serial: string, notBeforeMs: number) {
  const key = `${ca.issuerId}:${serial}` as Awaited<ReturnType<IssuingGateway['issue']>>['key']
  const notAfterMs = Date.now() + 30 * dayMs
  await gateway.store.upsertCertificate({ key, loginId: 'user01', notBeforeMs, notAfterMs })
  return { key }
}

t.test('the steps of README.md are those of the code', async (t) => {
  const folder = new URL('../../src/lifecycle/', import.meta.url)
  const code = readFileSync(new URL('issue.ts', folder), 'utf8')
  const steps = [...code.matchAll(/\/\/ Step (\d+): (.*)$/gm)].map(([, number, text]) => `${number}. ${text}`)
  const section = readFileSync(new URL('README.md', folder), 'utf8')
    .split('## Issuing, step by step')[1]
    ?.split('\n## ')[0]
  const written = [...(section ?? '').matchAll(/^(\d+)\. \*\*(.*?)\*\*/gm)].map(
    ([, number, text]) => `${number}. ${text}`,
  )
  t.ok(steps.length > 0)
  t.strictSame(
    written.map((step) => step.toLowerCase()),
    steps.map((step) => step.toLowerCase()),
  )
})
