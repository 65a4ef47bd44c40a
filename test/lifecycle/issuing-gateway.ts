// Lifecycle ports that issue, over the real store, follower and publisher of a gateway without sockets. Several may share a store.
import type { Test } from 'tap'
import { revokedByRule, revokedUntilMs } from '../../src/assemble-lifecycle.ts'
import { systemClock } from '../../src/base/clock.ts'
import { issuingFile } from '../../src/config/issuing-file.ts'
import type { ControlAuditEvent } from '../../src/control-path/ports.ts'
import type { CertificateMaker } from '../../src/lifecycle/certificate-maker.ts'
import { type IssueRequest, issueCertificate } from '../../src/lifecycle/issue.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { buildSigningRequest } from '../../src/x509/build-signing-request.ts'
import type { CertificateKey } from '../../src/x509/certificate-key.ts'
import { parseCertificateProfile } from '../../src/x509/certificate-profile.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { type FakeGateway, startFakeGateway } from '../control-path/fake-gateway.ts'
import { createTestCa, makeKeys } from '../helpers/test-ca.ts'
import { caller, FakeVerifier, passwords, portal } from './samples.ts'

export const ca = createTestCa({ commonName: 'test-issuing-ca' })
export const issuerName = 'test-issuing-ca'

export type IssuingOptions = {
  /** Fields of `issuing`. */
  readonly issuing?: Readonly<Record<string, unknown>>
  readonly maker?: CertificateMaker
  readonly store?: (store: FakeGateway['store']) => LifecyclePorts['store']
  readonly nowMs?: () => number
  readonly pause?: LifecyclePorts['pause']
}

export type IssuingGateway = ReturnType<typeof issuingOver>

/** Issues over this gateway. */
export function issuingOver(gateway: FakeGateway, options: IssuingOptions = {}) {
  const nowMs = options.nowMs ?? (() => systemClock.nowMs())
  const issuingCa = readIssuingCa(
    { name: issuerName, certificatePem: ca.certificatePem, chainPems: [] },
    systemClock.nowMs(),
  )
  const written = issuingFile.parse({
    issuer: issuerName,
    signer: { kind: 'file', key: 'unused.key' },
    subject: ['C=JP', 'O=Test Bank', 'OU={contractId}', 'CN={loginId}'],
    renewalDays: 400,
    ...options.issuing,
  })
  if (written === undefined) throw new Error('nothing issues')
  const signer = { keyPem: ca.keyPem, keyPassword: undefined }
  const config = { ...written, signer: { kind: 'file', ...signer } } as const
  const maker: CertificateMaker = options.maker ?? { kind: 'own', signer: createFileSigner(signer) }
  const issuing = { config, ca: issuingCa, profile: parseCertificateProfile(config), maker }
  const audited: ControlAuditEvent[] = []
  const mails: string[] = []
  const { store, publisher, workers, follower } = gateway
  const ports: LifecyclePorts = {
    store: options.store?.(store) ?? store,
    publisher,
    workers,
    issuers: [{ name: issuerName, issuerId: ca.issuerId }],
    issuingCas: () => [issuingCa],
    directory: 'embedded',
    audit: (event) => void audited.push(event),
    issuing: () => issuing,
    passwords: () => passwords,
    portal: () => portal,
    revokedUntilMs: (loginId, issuerId) => revokedUntilMs(follower, { loginId, issuerId }),
    revokedByRule: (certificates) => revokedByRule(follower, certificates),
    log: { info: () => {}, warn: () => {}, error: () => {} },
    verifier: new FakeVerifier(),
    noticeAct: ({ kind, loginId }) => void mails.push(`${kind} ${loginId}`),
    nowMs,
    pause: options.pause ?? (async () => {}),
  }
  const issue = (request: Partial<IssueRequest> & Pick<IssueRequest, 'requestDer'>) =>
    issueCertificate({ loginId: 'user01', proof: { kind: 'password' }, ...request }, caller, ports)
  return { ...gateway, ports, audited, mails, issue }
}

/** A gateway over a store of its own with the contract `shoji`: user01 to user03 and master01; `limit` certificates. */
export async function startIssuing(t: Test, { limit = 100, ...options }: IssuingOptions & { limit?: number } = {}) {
  const gateway = await startFakeGateway(t)
  await addStaff(gateway.store, limit)
  await gateway.follower.ready()
  return issuingOver(gateway, options)
}

export async function addStaff(store: FakeGateway['store'], certificateLimit = 100): Promise<void> {
  const contractId = 'shoji'
  await store.upsertContract({ contractId, loginMethod: 'certificate', certificateLimit })
  for (const loginId of ['user01', 'user02', 'user03']) await store.upsertUser({ loginId, contractId, role: 'general' })
  await store.upsertUser({ loginId: 'master01', contractId, role: 'master' })
  await store.upsertContract({ contractId: 'yubin', loginMethod: 'password', certificateLimit })
  await store.upsertUser({ loginId: 'pass01', contractId: 'yubin', role: 'master' })
}

/** A signing request of a new key. */
export function newRequest(): Uint8Array {
  return buildSigningRequest({ privateKey: makeKeys('p256').privateKey }).der
}

export const by = (key: CertificateKey) => ({ kind: 'certificate', key }) as const

/** State of every certificate of a login ID, revoked or not, in the order in which they were recorded. */
export async function statesAt({ store }: Pick<FakeGateway, 'store'>, loginId = 'user01'): Promise<string[]> {
  const all = [...(await store.certificatesOf(loginId, 0))]
  all.sort((left, right) => left.recordedVersion - right.recordedVersion)
  return all.map(({ state, revoked }) => (revoked ? `${state} revoked` : state))
}

/** The store with some of its calls done otherwise. */
export function changedStore(
  store: LifecyclePorts['store'],
  changes: Partial<LifecyclePorts['store']>,
): LifecyclePorts['store'] {
  return new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(name in changes ? changes : target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
