// Goal: another CA may sign, but nobody gets what does not fit or came past another decision, and it lets nobody in.
// Method: the real functions over a real store; a CA in memory that makes what the test says.
import { createPublicKey } from 'node:crypto'
import t from 'tap'
import { createIssuing } from '../../src/assemble-issuing.ts'
import { systemClock } from '../../src/base/clock.ts'
import { GatewayError } from '../../src/base/errors.ts'
import { revoke } from '../../src/lifecycle/revoke.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { oids } from '../../src/x509/oids.ts'
import { readSigningRequest } from '../../src/x509/signing-request.ts'
import { startFakeGateway } from '../control-path/fake-gateway.ts'
import { type ClientOptions, createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { dayMs, operator } from '../store/samples.ts'
import { addStaff, by, ca, changedStore, issuerName, issuingOver, newRequest, statesAt } from './issuing-gateway.ts'

const nowMs = systemClock.nowMs()

/** As the assembly makes it for an EST signer, but for the network. */
function judge() {
  const issuing = createIssuing(
    {
      issuing: {
        issuer: issuerName,
        signer: {
          kind: 'est',
          url: 'https://ca.example/.well-known/est',
          caPem: '',
          certificatePem: undefined,
          keyPem: undefined,
          username: undefined,
          password: undefined,
          timeoutMs: 1_000,
        },
        subject: ['CN={loginId}'],
        subjectAltNames: [],
        keyTypes: ['P-256'],
        validityDays: 365,
        backdateSeconds: 300,
        renewalDays: 40,
        crlUrls: [],
        caIssuersUrls: [],
        ocspUrls: [],
        policyOids: [],
      },
      issuers: [{ name: issuerName, certificatePem: ca.certificatePem, chainPems: [] }],
      doors: { certificate: [{ name: 'certificate', issuers: [issuerName], loginId: { from: 'commonName' } }] },
      certificates: { rsaBitsMin: 2_048 },
    } as unknown as Parameters<typeof createIssuing>[0],
    {},
  )
  if (issuing?.maker.kind !== 'other') throw new Error('no other CA')
  return issuing.maker
}

/** Makes what is asked for, changed as the test says. */
class OtherCa {
  readonly made: TestCertificate[] = []
  change: Partial<ClientOptions> = {}
  issuer = ca
  before: () => Promise<unknown> = async () => {}
  repeats = false

  readonly maker = {
    ...judge(),
    enrol: async (requestDer: Uint8Array) => {
      await this.before()
      const known = this.made.at(-1)
      if (this.repeats && known !== undefined) return known.der
      const { publicKeyDer } = readSigningRequest(requestDer)
      const publicKey = createPublicKey({ key: Buffer.from(publicKeyDer), type: 'spki', format: 'der' })
      const span = { notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 365 * dayMs }
      const made = this.issuer.issueClient({ commonName: 'user01', publicKey, ...span, ...this.change })
      this.made.push(made)
      return made.der
    },
  }
}

async function start(t: Parameters<typeof startFakeGateway>[0]) {
  const gateway = await startFakeGateway(t)
  await addStaff(gateway.store)
  await gateway.follower.ready()
  const other = new OtherCa()
  const isRevoked = (at: number) =>
    gateway.isRevoked(certificateKey(other.issuer.issuerId, other.made.at(at)?.serial ?? ''))
  return { ...issuingOver(gateway, { maker: other.maker }), other, isRevoked, gateway }
}

t.test('what the other CA gives is recorded, given, and given again (R8)', async (t) => {
  const { issue, other, isRevoked, ...rest } = await start(t)
  const requestDer = newRequest()
  const first = await issue({ requestDer })
  t.equal(first.serial, other.made[0]?.serial)
  const second = await issue({ requestDer })
  t.strictSame(Buffer.from(second.der), Buffer.from(first.der))
  t.equal(second.again, true)
  t.equal(other.made.length, 1, 'the other CA is asked once')
  t.notOk(isRevoked(0))
  t.strictSame(await statesAt(rest), ['issued'])
})

const unfit: Readonly<Record<string, readonly [Partial<ClientOptions>, RegExp]>> = {
  'R2: another login ID': [{ commonName: 'user02' }, /it names another login ID/],
  'R2: no login ID': [{ commonName: undefined }, /no common name/],
  'a CA': [{ basicConstraints: { ca: true } }, /CA certificate/],
  'not for client authentication': [{ extendedKeyUsage: [oids.serverAuth] }, /lacks clientAuth/],
  'without a purpose': [{ extendedKeyUsage: null }, /not for client authentication/],
  'a key that may not sign': [{ keyUsage: ['keyEncipherment'] }, /digitalSignature/],
  'expired already': [{ notAfterMs: nowMs - 1_000 }, /it is valid from/],
  'R5: valid for three years': [
    { notAfterMs: nowMs + 1_095 * dayMs },
    /longer than issuing.validityDays, which is 365/,
  ],
  'valid from tomorrow on': [{ notBeforeMs: nowMs + dayMs }, /it is valid from/],
}
for (const [name, [change, message]] of Object.entries(unfit)) {
  t.test(`refused and revoked: ${name}`, async (t) => {
    const { issue, other, isRevoked, audited, mails, ...rest } = await start(t)
    other.change = change
    await t.rejects(issue({ requestDer: newRequest() }), { code: 'signer_unavailable', message })
    t.ok(isRevoked(0))
    t.strictSame(await statesAt(rest), [], 'it is nobody’s')
    t.match(audited, [{ event: 'certificate_revoked' }, { event: 'issue_refused', reason: 'signer_unavailable' }])
    t.strictSame(mails, [])
    other.change = {}
    t.ok(await issue({ requestDer: newRequest() }), 'what fits is given')
  })
}

t.test('refused: signed by a CA that no door trusts', async (t) => {
  const { issue, other } = await start(t)
  other.issuer = createTestCa({ commonName: issuerName })
  await t.rejects(issue({ requestDer: newRequest() }), { code: 'signer_unavailable', message: /not signed by the key/ })
})

t.test(
  'R17: one that begins before a revocation of the login ID is refused until the CA gives a later one',
  async (t) => {
    const { issue, other, isRevoked, ports } = await start(t)
    const all = { certificates: [], reason: 'unspecified', comment: '', dryRun: false } as const
    await issue({ requestDer: newRequest() })
    await revoke({ ...all, loginIds: ['user01'] }, operator, ports)
    await t.rejects(issue({ requestDer: newRequest() }), {
      code: 'signer_unavailable',
      message: /a revocation of the login ID/,
    })
    t.ok(isRevoked(1))
    other.change = { notBeforeMs: systemClock.nowMs() + 2_000 }
    t.ok(await issue({ requestDer: newRequest() }))
  },
)

t.test(
  'R2: two at once: one is given, the surplus one is revoked, and both get the same for the same key',
  async (t) => {
    const { issue, other, isRevoked, ...rest } = await start(t)
    const { promise: bothAsked, resolve } = Promise.withResolvers<void>()
    let asked = 0
    other.before = async () => {
      if (++asked === 2) resolve()
      await bothAsked
    }
    const requestDer = newRequest()
    const [first, second] = await Promise.all([issue({ requestDer }), issue({ requestDer })])
    t.equal(first.serial, second.serial)
    t.strictSame([isRevoked(0), isRevoked(1)].sort(), [false, true])
    t.strictSame(await statesAt(rest), ['issued'])
  },
)

t.test('a contract that changed meanwhile costs no second certificate', async (t) => {
  const { issue, other, store, isRevoked } = await start(t)
  other.before = () =>
    store.upsertCertificate({
      key: certificateKey(ca.issuerId, 'abc'),
      loginId: 'user02',
      notBeforeMs: nowMs,
      notAfterMs: nowMs + dayMs,
    })
  t.equal((await issue({ requestDer: newRequest() })).again, false)
  t.equal(other.made.length, 1)
  t.notOk(isRevoked(0))
})

t.test('R17: overtaken by another certificate of the login ID: revoked', async (t) => {
  const { issue, other, store, isRevoked } = await start(t)
  other.before = () =>
    store.upsertCertificate({
      key: certificateKey(ca.issuerId, 'abc'),
      loginId: 'user01',
      notBeforeMs: nowMs,
      notAfterMs: nowMs + dayMs,
    })
  await t.rejects(issue({ requestDer: newRequest() }), { code: 'certificate_exists' })
  t.ok(isRevoked(0))
})

t.test('a CA that gives the same certificate once more gets nobody’s revoked', async (t) => {
  const { issue, other, isRevoked, gateway } = await start(t)
  other.repeats = true
  const requestDer = newRequest()
  const blind = issuingOver(gateway, {
    maker: other.maker,
    store: (store) => changedStore(store, { keepSigned: async () => {} }),
  })
  await blind.issue({ requestDer })
  t.notOk(isRevoked(0))
  await t.rejects(issue({ requestDer }), { code: 'certificate_exists', message: /no copy of it is kept/ })
  t.notOk(isRevoked(0), 'its owner may have it')
})

t.test('the same certificate for two who ask at once, of whom one is refused: whoever has it keeps it', async (t) => {
  const { other, isRevoked, gateway, issue } = await start(t)
  other.repeats = true
  const requestDer = newRequest()
  other.before = async () => {
    other.before = async () => {}
    await issue({ requestDer })
    await gateway.store.setSuspended('user01', true)
  }
  await t.rejects(issue({ requestDer }), { code: 'login_refused' })
  t.equal(other.made.length, 1)
  t.notOk(isRevoked(0))
  await gateway.store.setSuspended('user01', false)
  t.equal((await issue({ requestDer })).again, true)
})

t.test('a store that goes away after the CA has signed: the certificate lets nobody in once it is back', async (t) => {
  const { other, isRevoked, gateway, issue } = await start(t)
  const failing = issuingOver(gateway, {
    maker: other.maker,
    store: (store) =>
      changedStore(store, {
        keepSigned: async () => {
          throw new GatewayError('store_unavailable', 'Cannot reach the store')
        },
      }),
  })
  await t.rejects(failing.issue({ requestDer: newRequest() }), { code: 'store_unavailable' })
  t.ok(isRevoked(0))
  const renewed = await issue({ requestDer: newRequest() })
  t.ok(await issue({ requestDer: newRequest(), proof: by(renewed.key) }), 'and everything goes on')
})
