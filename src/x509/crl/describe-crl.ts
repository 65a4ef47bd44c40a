import { oids, signatureSchemes } from '../oids.ts'
import { readName } from '../read-name.ts'
import type { SignatureAlgorithm } from '../signature-algorithm.ts'
import { reasonsByName } from './crl-entries.ts'
import type { CrlReading } from './read-crl.ts'
import type { CrlDistributionPoint } from './read-list-extensions.ts'

/** What a list says, for people and as JSON; null where it does not say. Times: ISO 8601, UTC. Numbers: decimal. */
export type CrlDescription = {
  readonly version: 1 | 2
  /** Such as `C=JP, O=Sample Bank, CN=Sample Bank CA`; special characters are escaped (RFC 4514 2.4). */
  readonly issuer: string
  readonly thisUpdate: string
  readonly nextUpdate: string | null
  readonly number: string | null
  /** Of the complete list that it adds to: a delta list. */
  readonly deltaBase: string | null
  /** Lower-case hex. */
  readonly authorityKeyIdentifier: string | null
  readonly entries: number
  /** Entries besides whose serial number no certificate here can have. */
  readonly entriesPassedOver: number
  /** Entries by the names of RFC 5280 5.3.1; entries without a reason count as `unspecified`. */
  readonly reasons: Readonly<Record<string, number>>
  readonly distributionPoint: CrlDistributionPoint | null
  readonly hasOtherIssuers: boolean
  /** Such as `ECDSA with SHA-256`; its OID where it is unknown. */
  readonly signatureAlgorithm: string
  readonly signature: 'valid' | 'invalid' | 'not checked'
  readonly unknownCriticalExtensions: readonly string[]
  readonly unknownCriticalEntryExtensions: readonly string[]
  readonly bytes: number
}

const labels: Readonly<Record<string, string>> = {
  [oids.commonName]: 'CN',
  [oids.serialNumber]: 'serialNumber',
  [oids.countryName]: 'C',
  [oids.localityName]: 'L',
  [oids.stateOrProvinceName]: 'ST',
  [oids.organizationName]: 'O',
  [oids.organizationalUnitName]: 'OU',
  [oids.emailAddress]: 'emailAddress',
}

const keyNames: Readonly<Record<NonNullable<SignatureAlgorithm['keyType']>, string>> = {
  rsa: 'RSA',
  pss: 'RSA-PSS',
  ec: 'ECDSA',
  ed25519: 'Ed25519',
  ed448: 'Ed448',
}

/** Describes a list for `sekisho crl inspect`. */
export function describeCrl(reading: CrlReading): CrlDescription {
  const { number, baseNumber, authorityKeyIdentifier, nextUpdateMs, signatureValid } = reading
  return {
    version: reading.version,
    issuer: nameText(reading.issuerNameDer),
    thisUpdate: iso(reading.thisUpdateMs),
    nextUpdate: nextUpdateMs === undefined ? null : iso(nextUpdateMs),
    number: number?.toString() ?? null,
    deltaBase: baseNumber?.toString() ?? null,
    authorityKeyIdentifier: authorityKeyIdentifier ? Buffer.from(authorityKeyIdentifier).toString('hex') : null,
    entries: reading.entries.count,
    entriesPassedOver: reading.passedOver,
    reasons: reasonsByName(reading.entries.reasonCounts),
    distributionPoint: reading.distributionPoint ?? null,
    hasOtherIssuers: reading.hasOtherIssuers,
    signatureAlgorithm: algorithmName(reading.signatureAlgorithm),
    signature: signatureValid === undefined ? 'not checked' : signatureValid ? 'valid' : 'invalid',
    unknownCriticalExtensions: reading.unknownCriticalExtensions,
    unknownCriticalEntryExtensions: reading.unknownCriticalEntryExtensions,
    bytes: reading.bytes,
  }
}

function algorithmName({ oid, hash, keyType }: SignatureAlgorithm): string {
  if (keyType === undefined) return signatureSchemes[oid] === undefined ? oid : `${keyNames.pss} of an unknown form`
  const name = keyNames[keyType]
  return hash === 'intrinsic' ? name : `${name} with ${hash.replace(/^sha/, 'SHA-').replace(/^md/, 'MD')}`
}

function nameText(nameDer: Uint8Array): string {
  return readName(nameDer)
    .map((rdn) =>
      rdn
        .map(({ oid, text, valueDer }) => {
          const value = text === undefined ? `#${Buffer.from(valueDer).toString('hex')}` : escapeValue(text)
          return `${labels[oid] ?? oid}=${value}`
        })
        .join(' + '),
    )
    .join(', ')
}

/** What would end a value, and what is no visible character: a terminal must not be told what to do. */
function escapeValue(text: string): string {
  return text
    .replace(/[\\,+"<>;]/g, '\\$&')
    .replace(/\p{C}|\p{Zl}|\p{Zp}/gu, (character) =>
      Array.from(Buffer.from(character), (octet) => `\\${octet.toString(16).padStart(2, '0')}`).join(''),
    )
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString()
}
