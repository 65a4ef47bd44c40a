import { createHash, type KeyObject, webcrypto } from 'node:crypto'
import { BmpString, OctetString } from 'asn1js'
import * as pkijs from 'pkijs'
import { pemBlocks } from './pem.ts'

/** Five times what OpenSSL does by default; a password of real strength is still the user's to choose. */
const iterations = 10_000
const passwordHash = 'SHA-256'
const friendlyNameOid = '1.2.840.113549.1.9.20'
const localKeyIdOid = '1.2.840.113549.1.9.21'
const keyBagOid = '1.2.840.113549.1.12.10.1.2'
const x509CertificateOid = '1.2.840.113549.1.9.22.1'
const certificateBagOid = '1.2.840.113549.1.12.10.1.3'

/** What goes into a .p12 file. */
export type Pkcs12Contents = {
  readonly privateKey: KeyObject
  /** The certificate of that key. */
  readonly certificatePem: string
  /** Certificates of the CAs above it that the importing side may not know; roots are better imported by themselves. */
  readonly chainPems: readonly string[]
  /** What browsers and key stores call the entry. */
  readonly friendlyName: string
  readonly password: string
}

/**
 * Builds a PKCS #12 file (RFC 7292) with everything encrypted: PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC,
 * integrity by HMAC-SHA-256. Imports into OpenSSL 3, NSS (Chromium, Firefox) and Windows 10 or later.
 */
export async function buildPkcs12(contents: Pkcs12Contents): Promise<Uint8Array> {
  const crypto = new pkijs.CryptoEngine({ name: 'node', crypto: webcrypto as Crypto })
  const password = arrayBufferOf(new TextEncoder().encode(contents.password))
  const encryption: Encryption = {
    password,
    // The initialisation vector is made by pkijs, though its type asks for one.
    contentEncryptionAlgorithm: { name: 'AES-CBC', length: 256 } as Encryption['contentEncryptionAlgorithm'],
    hmacHashAlgorithm: passwordHash,
    iterationCount: iterations,
  }
  const certificates = [contents.certificatePem, ...contents.chainPems].flatMap((pem) => pemBlocks(pem, 'CERTIFICATE'))
  const [leaf] = certificates
  if (leaf === undefined) throw new TypeError('Cannot build a PKCS #12 file as it has no certificate')
  // Readers pair key and certificate by this attribute.
  const attributes = () => [friendlyName(contents.friendlyName), localKeyId(leaf)]
  const keyBag = await shroudedKey(contents.privateKey, encryption, crypto)
  const bags = certificates.map((der, index) => certificateBag(der, index === 0 ? attributes() : []))
  const pfx = new pkijs.PFX({
    parsedValue: {
      integrityMode: 0,
      authenticatedSafe: new pkijs.AuthenticatedSafe({
        parsedValue: {
          safeContents: [
            { privacyMode: 0, value: new pkijs.SafeContents({ safeBags: [safeBag(keyBagOid, keyBag, attributes())] }) },
            { privacyMode: 1, value: new pkijs.SafeContents({ safeBags: bags }) },
          ],
        },
      }),
    },
  })
  await pfx.parsedValue?.authenticatedSafe?.makeInternalValues({ safeContents: [{}, { ...encryption }] }, crypto)
  const integrity = { password, iterations, pbkdf2HashAlgorithm: passwordHash, hmacHashAlgorithm: passwordHash }
  await pfx.makeInternalValues(integrity, crypto)
  return new Uint8Array(pfx.toSchema().toBER(false))
}

type Encryption = Parameters<pkijs.PKCS8ShroudedKeyBag['makeInternalValues']>[0]

async function shroudedKey(key: KeyObject, encryption: Encryption, crypto: pkijs.CryptoEngine) {
  const der = key.export({ type: 'pkcs8', format: 'der' })
  const bag = new pkijs.PKCS8ShroudedKeyBag({ parsedValue: pkijs.PrivateKeyInfo.fromBER(arrayBufferOf(der)) })
  await bag.makeInternalValues(encryption, crypto)
  return bag
}

function certificateBag(der: Uint8Array, bagAttributes: pkijs.Attribute[]): pkijs.SafeBag {
  const certValue = new OctetString({ valueHex: arrayBufferOf(der) })
  const bag = new pkijs.CertBag({ certId: x509CertificateOid, certValue })
  return safeBag(certificateBagOid, bag, bagAttributes)
}

function safeBag(bagId: string, bagValue: pkijs.BagType, bagAttributes: pkijs.Attribute[]): pkijs.SafeBag {
  // An empty list would be written as an empty SET, which strict readers refuse.
  return new pkijs.SafeBag(bagAttributes.length === 0 ? { bagId, bagValue } : { bagId, bagValue, bagAttributes })
}

function friendlyName(text: string): pkijs.Attribute {
  return new pkijs.Attribute({ type: friendlyNameOid, values: [new BmpString({ value: text })] })
}

function localKeyId(leaf: Uint8Array): pkijs.Attribute {
  const valueHex = arrayBufferOf(createHash('sha256').update(leaf).digest().subarray(0, 20))
  return new pkijs.Attribute({ type: localKeyIdOid, values: [new OctetString({ valueHex })] })
}

/** A buffer of its own: pkijs reads whole buffers, and a Buffer of Node may be a window into a larger one. */
function arrayBufferOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
