import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeName } from '../../src/x509/encode-name.ts'
import { oids } from '../../src/x509/oids.ts'
import { createTestCa, subjectOf, type TestCertificate } from '../helpers/test-ca.ts'
import { type GatewayUnderTest, type RunningGateway, withGateway } from '../helpers/with-gateway.ts'

export type MintedCase = {
  readonly name: string
  readonly certificate: TestCertificate | undefined
  /** What the client sends, where it is more than the certificate. */
  readonly chainPem?: string
  /** Any of these verdicts will do; see `verdictOf`. */
  readonly expected: readonly string[]
}

export type Matrix = {
  readonly folder: string
  readonly cases: readonly MintedCase[]
  startGateway(options: GatewayUnderTest): Promise<RunningGateway>
}

const dayMs = 86_400_000

/** Client certificates for `probe01` in every state, and a gateway whose door trusts the CAs that should be trusted. */
export function mintMatrix(): Matrix {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-matrix-'))
  const nowMs = Date.now()
  const commonName = 'probe01'

  const root = createTestCa({ commonName: 'test-root-ca' })
  const issuing = root.childCa({ commonName: 'test-issuing-ca', pathLength: 0 })
  const rsaIssuing = root.childCa({ commonName: 'test-rsa-issuing-ca', keyKind: 'rsa2048' })
  const constrained = root.childCa({
    commonName: 'test-constrained-ca',
    nameConstraints: {
      permitted: [{ kind: 'directoryName', der: encodeName([{ oid: oids.countryName, value: 'JP' }]) }],
      excluded: [{ kind: 'dns', value: 'example.jp' }],
    },
  })
  const twin = createTestCa({ commonName: 'test-issuing-ca' })
  const stranger = createTestCa({ commonName: 'another-ca' })
  // Below an issuing CA that may have no CA below it.
  const tooDeep = issuing.childCa({ commonName: 'test-deep-ca' })
  const unconfigured = root.childCa({ commonName: 'test-unconfigured-ca' })

  const good = (name: string, certificate: TestCertificate): MintedCase => ({ name, certificate, expected: ['200'] })
  const bad = (name: string, reason: string, certificate: TestCertificate, chainPem?: string): MintedCase => ({
    name,
    certificate,
    expected: [reason],
    ...(chainPem === undefined ? {} : { chainPem }),
  })
  const deep = tooDeep.issueClient({ commonName })
  const viaUnconfigured = unconfigured.issueClient({ commonName })

  const cases: MintedCase[] = [
    good('good, P-256', issuing.issueClient({ commonName })),
    good('good, P-384', issuing.issueClient({ commonName, keyKind: 'p384' })),
    good('good, RSA-2048', issuing.issueClient({ commonName, keyKind: 'rsa2048' })),
    good('good, signed by an RSA CA', rsaIssuing.issueClient({ commonName, hash: 'sha384' })),
    good(
      'good, without key usage extensions',
      issuing.issueClient({ commonName, keyUsage: null, extendedKeyUsage: null }),
    ),
    good('good, within the name constraints', constrained.issueClient({ commonName })),
    { name: 'none', certificate: undefined, expected: ['certificate_missing'] },
    bad(
      'expired',
      'certificate_expired',
      issuing.issueClient({ commonName, notBeforeMs: nowMs - 10 * dayMs, notAfterMs: nowMs - 5_000 }),
    ),
    bad('not yet valid', 'certificate_not_yet_valid', issuing.issueClient({ commonName, notBeforeMs: nowMs + dayMs })),
    bad('revoked', 'certificate_revoked', issuing.issueClient({ commonName })),
    bad('wrong CA', 'issuer_not_trusted', stranger.issueClient({ commonName })),
    bad('same-name CA with another key', 'issuer_not_trusted', twin.issueClient({ commonName })),
    bad('self-signed', 'issuer_not_trusted', selfSigned(commonName)),
    bad(
      'serverAuth only',
      'usage_not_allowed',
      issuing.issueClient({ commonName, extendedKeyUsage: [oids.serverAuth] }),
    ),
    bad('no digitalSignature', 'usage_not_allowed', issuing.issueClient({ commonName, keyUsage: ['keyEncipherment'] })),
    bad('a CA certificate', 'usage_not_allowed', issuing.issueClient({ commonName, basicConstraints: { ca: true } })),
    bad('RSA-1024', 'key_too_weak', issuing.issueClient({ commonName, keyKind: 'rsa1024' })),
    bad('SHA-1 signature', 'key_too_weak', issuing.issueClient({ commonName, hash: 'sha1' })),
    bad('SHA-1 signature of an RSA CA', 'key_too_weak', rsaIssuing.issueClient({ commonName, hash: 'sha1' })),
    {
      name: 'P-192',
      certificate: issuing.issueClient({ commonName, keyKind: 'p192' }),
      expected: ['failure', 'certificate_missing', 'key_too_weak'],
    },
    bad('unconfigured intermediate', 'issuer_not_trusted', viaUnconfigured, viaUnconfigured.chainPem),
    bad('unconfigured intermediate that is not sent', 'issuer_not_trusted', viaUnconfigured),
    bad('path length broken', 'issuer_not_trusted', deep, deep.chainPem),
    bad(
      'name constraint broken',
      'issuer_not_trusted',
      constrained.issueClient({ commonName, subject: foreign(commonName) }),
    ),
    bad(
      'name constraint broken by an alternative name',
      'issuer_not_trusted',
      constrained.issueClient({ commonName, subjectAltNames: [{ kind: 'dns', value: 'pc.example.jp' }] }),
    ),
    bad('no login ID', 'login_id_missing', issuing.issueClient({ commonName: undefined })),
  ]
  return {
    folder,
    cases,
    startGateway: (options) => {
      const file = (name: string, pem: string) => {
        writeFileSync(join(folder, name), pem)
        return name
      }
      const chain = [file('root.pem', root.certificatePem)]
      const issuers = [issuing, rsaIssuing, constrained].map(({ commonName: name, certificatePem }) => ({
        name,
        certificate: file(`${name}.pem`, certificatePem),
        chain,
      }))
      const { certificateDoor, ...config } = options.config ?? {}
      return withGateway({
        ...options,
        folder,
        config: {
          ...config,
          issuers,
          certificateDoor: { ...certificateDoor, issuers: issuers.map(({ name }) => name) },
        },
      })
    },
  }
}

function foreign(commonName: string) {
  return subjectOf(commonName).map((attribute) =>
    attribute.oid === oids.countryName ? { ...attribute, value: 'US' } : attribute,
  )
}

function selfSigned(commonName: string): TestCertificate {
  const own = createTestCa({ commonName, basicConstraints: null, keyUsage: ['digitalSignature'] })
  return {
    certificatePem: own.certificatePem,
    keyPem: own.keyPem,
    privateKey: own.privateKey,
    der: own.der,
    serial: '1',
    chainPem: own.certificatePem,
    pkcs12: async () => new Uint8Array(),
  }
}
