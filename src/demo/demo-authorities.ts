import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { buildCertificate, type CertificateTemplate } from '../x509/build-certificate.ts'
import type { NameAttribute } from '../x509/client-certificate.ts'
import { encodeName } from '../x509/encode-name.ts'
import { oids } from '../x509/oids.ts'
import { randomSerial } from '../x509/random-serial.ts'
import { demoOrganization } from './demo-people.ts'

/** A CA of the demo while it is being made: it can sign. */
export type DemoAuthority = {
  readonly nameDer: Uint8Array
  readonly publicKeyDer: Uint8Array
  readonly privateKey: KeyObject
  readonly pem: string
}

/** A certificate of the demo with its key, as PEM (PKCS #8, unencrypted). */
export type DemoPair = { readonly certificatePem: string; readonly keyPem: string; readonly privateKey: KeyObject }

const dayMs = 86_400_000
/** Issued certificates are backdated, for clients whose clock is slow. */
const backdatedMs = 5 * 60_000

/** `C=JP, O=Sekisho Demo Bank, OU=<unit>, CN=<name>`; without a unit for CAs and servers. */
function subjectOf(commonName: string, unit?: string): NameAttribute[] {
  return [
    { oid: oids.countryName, value: 'JP' },
    { oid: oids.organizationName, value: demoOrganization },
    ...(unit === undefined ? [] : [{ oid: oids.organizationalUnitName, value: unit }]),
    { oid: oids.commonName, value: commonName },
  ]
}

/**
 * Makes a CA, self-signed where no parent is given. It has been valid for two years already, so that expired demo
 * certificates lie within its own window, and is valid for eight more.
 */
export function makeAuthority(
  commonName: string,
  options: { readonly nowMs: number; readonly pathLength?: number; readonly parent?: DemoAuthority },
): DemoAuthority {
  const keys = makeKeys()
  const subject = subjectOf(commonName)
  const self = { ...keys, nameDer: encodeName(subject) }
  const template: CertificateTemplate = {
    subject,
    serial: randomSerial(),
    notBeforeMs: options.nowMs - 730 * dayMs,
    notAfterMs: options.nowMs + 2_920 * dayMs,
    publicKeyDer: keys.publicKeyDer,
    basicConstraints: { ca: true, pathLength: options.pathLength },
    keyUsage: ['keyCertSign', 'cRLSign'],
  }
  return { ...self, pem: buildCertificate(template, options.parent ?? self).pem }
}

/** The certificate of localhost, valid for 396 days (browsers refuse more than 398). */
export function makeServer(parent: DemoAuthority, nowMs: number): DemoPair {
  return makePair(parent, {
    subject: subjectOf('localhost'),
    notBeforeMs: nowMs - backdatedMs,
    notAfterMs: nowMs + 396 * dayMs,
    extendedKeyUsage: [oids.serverAuth],
    subjectAltNames: [
      { kind: 'dns', value: 'localhost' },
      { kind: 'ip', bytes: Uint8Array.of(127, 0, 0, 1) },
      { kind: 'ip', bytes: Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? 1 : 0)) },
    ],
  })
}

/** A client certificate of one year that ends `endsInDays` from now (365: issued now; negative: expired). */
export function makeClient(
  parent: DemoAuthority,
  options: { readonly commonName: string; readonly unit: string; readonly nowMs: number; readonly endsInDays: number },
): DemoPair {
  const notAfterMs = options.nowMs + options.endsInDays * dayMs
  return makePair(parent, {
    subject: subjectOf(options.commonName, options.unit),
    notBeforeMs: notAfterMs - 365 * dayMs - backdatedMs,
    notAfterMs,
    extendedKeyUsage: [oids.clientAuth],
  })
}

type PairTemplate = Omit<CertificateTemplate, 'serial' | 'publicKeyDer' | 'basicConstraints' | 'keyUsage'>

function makePair(parent: DemoAuthority, template: PairTemplate): DemoPair {
  const { privateKey, publicKeyDer } = makeKeys()
  const { pem } = buildCertificate(
    {
      ...template,
      serial: randomSerial(),
      publicKeyDer,
      basicConstraints: { ca: false },
      keyUsage: ['digitalSignature'],
    },
    parent,
  )
  return { certificatePem: pem, keyPem: pemOfKey(privateKey), privateKey }
}

/** PKCS #8, unencrypted. */
export function pemOfKey(privateKey: KeyObject): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function makeKeys(): { privateKey: KeyObject; publicKeyDer: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey, publicKeyDer: publicKey.export({ type: 'spki', format: 'der' }) }
}
