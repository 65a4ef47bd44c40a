import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { buildCertificate, type CertificateSigner, type CertificateTemplate } from '../../src/x509/build-certificate.ts'
import { issuerIdOf } from '../../src/x509/certificate-key.ts'
import type { NameAttribute } from '../../src/x509/client-certificate.ts'
import { encodeName } from '../../src/x509/encode-name.ts'
import { oids } from '../../src/x509/oids.ts'
import { randomSerial } from '../../src/x509/random-serial.ts'
import type { Pki } from './pki.ts'

/** Name of the issuing CA in configurations and in pushes. */
export const issuerName = 'bench-issuing'

/** A CA that can still sign. */
export type Authority = CertificateSigner & { readonly pem: string }

/** A certificate with its key, as PEM. */
export type Pair = { readonly serial: string; readonly certificatePem: string; readonly keyPem: string }

/** The certificates of the benchmark made in this process, so that its CAs can sign lists and many client certificates. */
export type RevocationPki = Pki & {
  readonly root: Authority
  readonly issuing: Authority
  /** See `issuerIdOf`. */
  readonly issuerId: string
  readonly operatorIssuerFile: string
  /** Certificate and key of an operator with the role `security`. */
  readonly operatorCertificateFile: string
  readonly operatorKeyFile: string
}

const dayMs = 86_400_000

/** Makes root, issuing CA, operators' CA, one server, one client and one operator in `folder`; P-256 all of them. */
export async function createRevocationPki(folder: string): Promise<RevocationPki> {
  const root = makeAuthority('bench-root')
  const issuing = makeAuthority(issuerName, root)
  const operators = makeAuthority('bench-operators')
  const server = makePair(root, {
    subject: nameOf('bench-server'),
    extendedKeyUsage: [oids.serverAuth],
    subjectAltNames: [
      { kind: 'dns', value: 'localhost' },
      { kind: 'ip', bytes: Uint8Array.of(127, 0, 0, 1) },
    ],
  })
  const client = makeClient(issuing, 'bench-client')
  const operator = makePair(operators, {
    subject: nameOf('Bench Operator', 'security'),
    extendedKeyUsage: [oids.clientAuth],
  })
  const write = async (name: string, text: string) => {
    const file = join(folder, name)
    await writeFile(file, text, { mode: 0o600 })
    return file
  }
  return {
    root,
    issuing,
    issuerId: issuerIdOf(issuing.publicKeyDer),
    rootFile: await write('bench-root.pem', root.pem),
    issuingFile: await write('bench-issuing.pem', issuing.pem),
    clientIssuersFile: await write('client-issuers.pem', issuing.pem + root.pem),
    serverCertificateFile: await write('bench-server.pem', server.certificatePem),
    serverKeyFile: await write('bench-server.key', server.keyPem),
    serverFile: await write('server-all.pem', server.certificatePem + server.keyPem),
    clientFile: await write('client-all.pem', client.certificatePem + client.keyPem),
    operatorIssuerFile: await write('bench-operators.pem', operators.pem),
    operatorCertificateFile: await write('bench-operator.pem', operator.certificatePem),
    operatorKeyFile: await write('bench-operator.key', operator.keyPem),
  }
}

/** A client certificate with a key of its own. */
export function makeClient(issuing: CertificateSigner, commonName: string): Pair {
  return makePair(issuing, { subject: nameOf(commonName), extendedKeyUsage: [oids.clientAuth] })
}

function nameOf(commonName: string, unit?: string): NameAttribute[] {
  return [
    { oid: oids.countryName, value: 'JP' },
    { oid: oids.organizationName, value: 'Sekisho Benchmark' },
    ...(unit === undefined ? [] : [{ oid: oids.organizationalUnitName, value: unit }]),
    { oid: oids.commonName, value: commonName },
  ]
}

/** A CA, self-signed where no parent is given. */
function makeAuthority(commonName: string, parent?: CertificateSigner): Authority {
  const { privateKey, publicKeyDer } = makeKeys()
  const subject = nameOf(commonName)
  const self = { nameDer: encodeName(subject), privateKey, publicKeyDer }
  const template: CertificateTemplate = {
    subject,
    serial: randomSerial(),
    ...validity(),
    publicKeyDer,
    basicConstraints: { ca: true },
    keyUsage: ['keyCertSign', 'cRLSign'],
  }
  return { ...self, pem: buildCertificate(template, parent ?? self).pem }
}

function makePair(
  issuer: CertificateSigner,
  template: Pick<CertificateTemplate, 'subject' | 'extendedKeyUsage' | 'subjectAltNames'>,
): Pair {
  const { privateKey, publicKeyDer } = makeKeys()
  const serial = randomSerial()
  const { pem } = buildCertificate(
    {
      ...template,
      serial,
      ...validity(),
      publicKeyDer,
      basicConstraints: { ca: false },
      keyUsage: ['digitalSignature'],
    },
    issuer,
  )
  return { serial, certificatePem: pem, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

/** From yesterday, for 31 days. */
function validity(): { notBeforeMs: number; notAfterMs: number } {
  const nowMs = systemClock.nowMs()
  return { notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + 30 * dayMs }
}

function makeKeys(): { privateKey: KeyObject; publicKeyDer: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey, publicKeyDer: publicKey.export({ type: 'spki', format: 'der' }) }
}
