import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { systemClock } from '../../src/base/clock.ts'
import {
  buildCertificate,
  type CertificateSigner,
  type CertificateTemplate,
  type KeyUsageBit,
  type WritableName,
} from '../../src/x509/build-certificate.ts'
import { buildPkcs12 } from '../../src/x509/build-pkcs12.ts'
import { issuerIdOf } from '../../src/x509/certificate-key.ts'
import type { NameAttribute } from '../../src/x509/client-certificate.ts'
import { encodeName } from '../../src/x509/encode-name.ts'
import { oids } from '../../src/x509/oids.ts'
import { randomSerial } from '../../src/x509/random-serial.ts'

/**
 * Certificate authorities for tests, made in memory with the product's own building code. Keys are made fresh, except
 * RSA keys, which are slow: one of each size serves the whole process.
 */

export type KeyKind =
  | 'p256'
  | 'p384'
  | 'p521'
  | 'p192'
  | 'secp256k1'
  | 'rsa1024'
  | 'rsa2048'
  | 'rsa3072'
  | 'ed25519'
  | 'ed448'

const dayMs = 86_400_000

export type Validity = {
  /** Start, in milliseconds since the epoch. Default: an hour ago (a CA: two years ago). */
  readonly notBeforeMs?: number
  /** End, in milliseconds since the epoch. Default: in a year (a CA: in eight). */
  readonly notAfterMs?: number
}

export type ClientOptions = Validity & {
  /** Subject CN; `undefined` writes none. */
  readonly commonName: string | undefined
  /** The whole subject, in place of `C=JP, O=Test Bank, CN=<commonName>`. */
  readonly subject?: readonly NameAttribute[]
  readonly serial?: string
  readonly keyKind?: KeyKind
  /** Use this key instead of a new one. */
  readonly privateKey?: KeyObject
  readonly publicKey?: KeyObject
  /** Hash of the signature. Default sha256. */
  readonly hash?: CertificateSigner['hash']
  /** OIDs; null leaves the extension out. Default clientAuth. */
  readonly extendedKeyUsage?: readonly string[] | null
  /** Null leaves the extension out. Default digitalSignature. */
  readonly keyUsage?: readonly KeyUsageBit[] | null
  readonly basicConstraints?: CertificateTemplate['basicConstraints'] | null
  readonly subjectAltNames?: readonly WritableName[]
  readonly otherExtensions?: CertificateTemplate['otherExtensions']
}

export type TestCertificate = {
  readonly certificatePem: string
  readonly keyPem: string
  readonly privateKey: KeyObject
  readonly der: Uint8Array
  /** Lower-case hex without leading zeros. */
  readonly serial: string
  /** The certificate followed by every CA below the root: what a client or server sends. */
  readonly chainPem: string
  /** As a .p12 file with this password. */
  pkcs12(password: string): Promise<Uint8Array>
}

export type CaOptions = Validity & {
  readonly commonName: string
  readonly keyKind?: KeyKind
  readonly hash?: CertificateSigner['hash']
  readonly pathLength?: number
  readonly nameConstraints?: CertificateTemplate['nameConstraints']
  /** Null leaves the extension out. */
  readonly basicConstraints?: CertificateTemplate['basicConstraints'] | null
  readonly keyUsage?: readonly KeyUsageBit[] | null
  readonly otherExtensions?: CertificateTemplate['otherExtensions']
}

export type TestCa = {
  readonly commonName: string
  readonly certificatePem: string
  readonly keyPem: string
  readonly privateKey: KeyObject
  readonly der: Uint8Array
  readonly issuerId: string
  readonly subject: readonly NameAttribute[]
  /** The CAs above this one, nearest first, the root last. */
  readonly parents: readonly TestCa[]
  /** PEMs of `parents`, as `IssuerConfig.chainPems` wants them. */
  readonly parentPems: readonly string[]
  childCa(options: CaOptions): TestCa
  issueClient(options: ClientOptions): TestCertificate
  /** A server certificate for these names (an IP address becomes an iPAddress). Default localhost, 127.0.0.1, ::1. */
  issueServer(options?: Validity & { readonly names?: readonly string[]; readonly keyKind?: KeyKind }): TestCertificate
}

/** A self-signed root. A root may issue end certificates directly. */
export function createTestCa(options: CaOptions): TestCa {
  return makeCa(options, [])
}

function makeCa(options: CaOptions, parents: readonly TestCa[]): TestCa {
  const { commonName } = options
  const { privateKey, publicKey } = makeKeys(options.keyKind ?? 'p256')
  const subject = subjectOf(commonName)
  const self: CertificateSigner = { nameDer: encodeName(subject), privateKey, publicKeyDer: spkiOf(publicKey) }
  const [parent] = parents
  const signer = parent === undefined ? self : signerOf(parent)
  const nowMs = systemClock.nowMs()
  const { basicConstraints = { ca: true, pathLength: options.pathLength } } = options
  const { keyUsage = ['keyCertSign', 'cRLSign'] } = options
  const { der, pem } = buildCertificate(
    {
      subject,
      serial: randomSerial(),
      notBeforeMs: options.notBeforeMs ?? nowMs - 730 * dayMs,
      notAfterMs: options.notAfterMs ?? nowMs + 2_920 * dayMs,
      publicKeyDer: self.publicKeyDer,
      basicConstraints: basicConstraints ?? undefined,
      keyUsage: keyUsage ?? undefined,
      nameConstraints: options.nameConstraints,
      otherExtensions: options.otherExtensions ?? [],
    },
    { ...signer, hash: options.hash ?? 'sha256' },
  )
  const ca: TestCa = {
    commonName,
    certificatePem: pem,
    keyPem: pemOf(privateKey),
    privateKey,
    der,
    issuerId: issuerIdOf(self.publicKeyDer),
    subject,
    parents,
    parentPems: parents.map(({ certificatePem }) => certificatePem),
    childCa: (child) => makeCa(child, [ca, ...parents]),
    issueClient: (client) => issue(ca, client),
    issueServer: (server = {}) => issueServer(ca, server),
  }
  return ca
}

function issueServer(ca: TestCa, options: NonNullable<Parameters<TestCa['issueServer']>[0]>): TestCertificate {
  const { names = ['localhost', '127.0.0.1', '::1'], ...rest } = options
  return issue(ca, {
    ...rest,
    commonName: names[0],
    extendedKeyUsage: [oids.serverAuth],
    subjectAltNames: names.map((name) => {
      if (name === '::1') return { kind: 'ip', bytes: Uint8Array.from({ length: 16 }, (_, at) => (at === 15 ? 1 : 0)) }
      if (/^[\d.]+$/.test(name)) return { kind: 'ip', bytes: Uint8Array.from(name.split('.').map(Number)) }
      return { kind: 'dns', value: name }
    }),
  })
}

function issue(ca: TestCa, options: ClientOptions): TestCertificate {
  const made = makeKeys(options.keyKind ?? 'p256')
  const privateKey = options.privateKey ?? made.privateKey
  const publicKey = options.publicKey ?? made.publicKey
  const nowMs = systemClock.nowMs()
  const serial = options.serial ?? randomSerial()
  const { keyUsage = ['digitalSignature'], extendedKeyUsage = [oids.clientAuth] } = options
  const { basicConstraints = { ca: false } } = options
  const { der, pem } = buildCertificate(
    {
      subject: options.subject ?? subjectOf(options.commonName),
      serial,
      notBeforeMs: options.notBeforeMs ?? nowMs - 3_600_000,
      notAfterMs: options.notAfterMs ?? nowMs + 365 * dayMs,
      publicKeyDer: spkiOf(publicKey),
      basicConstraints: basicConstraints ?? undefined,
      keyUsage: keyUsage ?? undefined,
      extendedKeyUsage: extendedKeyUsage ?? undefined,
      subjectAltNames: options.subjectAltNames,
      otherExtensions: options.otherExtensions ?? [],
    },
    { ...signerOf(ca), hash: options.hash ?? 'sha256' },
  )
  const above = [ca, ...ca.parents]
    .filter(({ parents }) => parents.length > 0)
    .map(({ certificatePem }) => certificatePem)
  const friendlyName = options.commonName ?? 'test'
  return {
    certificatePem: pem,
    keyPem: pemOf(privateKey),
    privateKey,
    der,
    serial,
    chainPem: [pem, ...above].join(''),
    pkcs12: (password) => buildPkcs12({ privateKey, certificatePem: pem, chainPems: above, friendlyName, password }),
  }
}

/** `C=JP, O=Test Bank, CN=<commonName>`. */
export function subjectOf(commonName: string | undefined): NameAttribute[] {
  return [
    { oid: oids.countryName, value: 'JP' },
    { oid: oids.organizationName, value: 'Test Bank' },
    ...(commonName === undefined ? [] : [{ oid: oids.commonName, value: commonName }]),
  ]
}

function signerOf(ca: TestCa): CertificateSigner {
  const publicKeyDer = spkiOf(createPublicKey(ca.privateKey))
  return { nameDer: encodeName(ca.subject), privateKey: ca.privateKey, publicKeyDer }
}

type Keys = { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
const rsaKeys = new Map<number, Keys>()

/** A key pair of this kind. */
export function makeKeys(kind: KeyKind): Keys {
  switch (kind) {
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' })
    case 'p521':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' })
    case 'p192':
      return generateKeyPairSync('ec', { namedCurve: 'prime192v1' })
    case 'secp256k1':
      return generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
    case 'ed25519':
      return generateKeyPairSync('ed25519')
    case 'ed448':
      return generateKeyPairSync('ed448')
    default: {
      const bits = Number(kind.slice(3))
      const keys = rsaKeys.get(bits) ?? generateKeyPairSync('rsa', { modulusLength: bits })
      rsaKeys.set(bits, keys)
      return keys
    }
  }
}

function spkiOf(publicKey: KeyObject): Uint8Array {
  return publicKey.export({ type: 'spki', format: 'der' })
}

function pemOf(privateKey: KeyObject): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}
