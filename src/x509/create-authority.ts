import { createPrivateKey, generateKeyPair, type KeyObject, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import { GatewayError } from '../base/errors.ts'
import { buildCertificate, type CertificateSigner, type CertificateTemplate } from './build-certificate.ts'
import type { ClientCertificate, NameAttribute } from './client-certificate.ts'
import { encodeName } from './encode-name.ts'
import { subjectKeyIdentifierOf } from './list-extensions.ts'
import { parseAttribute, renderAttribute } from './name-template.ts'
import { oids } from './oids.ts'
import { pemBlocks } from './pem.ts'
import { randomSerial } from './random-serial.ts'
import { readCertificate } from './read-certificate.ts'
import { signingAlgorithmOf } from './signing-algorithm.ts'

/** Keys that a CA may have. */
export const authorityKeyTypes = ['P-256', 'P-384', 'RSA-3072', 'RSA-4096'] as const
export type AuthorityKeyType = (typeof authorityKeyTypes)[number]

/** A CA as it is to be made. */
export type AuthoritySettings = {
  /** Such as `C=JP`, `O=Sample Bank`, `CN=Sample Bank Root CA`: the attributes of `parseAttribute`, no placeholders. */
  readonly subject: readonly string[]
  readonly keyType: AuthorityKeyType
  /** Unit: days of 24 hours. Range 1 to 14 610 (40 years). */
  readonly validityDays: number
  /** Encrypts the private key. Undefined: the file has to be protected by other means. At least 12 characters. */
  readonly passphrase: string | undefined
}

/** A CA that was made. */
export type CreatedAuthority = {
  readonly certificatePem: string
  /** PKCS #8: encrypted with AES-256-CBC under a key from the passphrase (PBKDF2), or plain where there is none. */
  readonly keyPem: string
  readonly certificate: ClientCertificate
}

/** A CA that signs another one: what `CreatedAuthority` holds, and the passphrase of its key. */
export type ParentAuthority = {
  readonly certificatePem: string
  readonly keyPem: string
  readonly passphrase: string | undefined
}

const dayMs = 86_400_000
const validityDaysMax = 14_610
const passphraseCharactersMin = 12
/** New CAs begin a little in the past, for clocks that are slow. */
const backdatedMs = 5 * 60_000

/**
 * Makes a self-signed root that may have issuing CAs directly below it (path length 1).
 * Throws GatewayError `config_invalid`, path = field, for settings that cannot be used.
 */
export async function createRoot(settings: AuthoritySettings, nowMs: number): Promise<CreatedAuthority> {
  const made = await makeAuthority(settings, nowMs)
  return finish(made, { ...made.self, pathLength: 1 })
}

/**
 * Makes an issuing CA below a root: path length 0, valid no longer than the root. Throws GatewayError `config_invalid`:
 * settings that cannot be used, a key that is not the root's or cannot be opened, a root that may not sign CAs or whose
 * validity does not cover `nowMs`, a subject that is the root's own.
 */
export async function createIssuing(
  settings: AuthoritySettings,
  { root, nowMs }: { readonly root: ParentAuthority; readonly nowMs: number },
): Promise<CreatedAuthority> {
  const parent = readParent(root, nowMs)
  const made = await makeAuthority(settings, nowMs)
  if (Buffer.compare(made.self.nameDer, parent.signer.nameDer) === 0) {
    throw invalid('subject', 'it is the name of the root')
  }
  return finish(made, { ...parent.signer, pathLength: 0, latestMs: parent.certificate.notAfterMs })
}

/**
 * Makes the successor of an issuing CA: a new key under a new name below the same root. Both are configured side by
 * side until the last certificate of the old one has ended; only the new one issues. Names must differ, because a
 * browser shows the issuer's, and verifiers look issuers up by it.
 *
 * Throws GatewayError `config_invalid` as `createIssuing` does, and when the new name is the current CA's or the current
 * one was issued by another root.
 */
export async function rotateIssuing(
  settings: AuthoritySettings,
  rotation: { readonly root: ParentAuthority; readonly currentPem: string; readonly nowMs: number },
): Promise<CreatedAuthority> {
  const current = certificateOf(rotation.currentPem, 'current')
  const root = certificateOf(rotation.root.certificatePem, 'root')
  if (Buffer.compare(current.certificate.issuerNameDer, root.certificate.subjectNameDer) !== 0) {
    throw invalid('current', 'it was issued by another root')
  }
  if (Buffer.compare(encodeName(subjectOf(settings)), current.certificate.subjectNameDer) === 0) {
    throw invalid('subject', 'the new CA needs another name than the current one')
  }
  return await createIssuing(settings, rotation)
}

type Made = {
  readonly self: CertificateSigner
  readonly template: Omit<CertificateTemplate, 'basicConstraints'>
  readonly passphrase: string | undefined
}

async function makeAuthority(settings: AuthoritySettings, nowMs: number): Promise<Made> {
  const { keyType, validityDays, passphrase } = settings
  const subject = subjectOf(settings)
  if (!Number.isInteger(validityDays) || validityDays < 1 || validityDays > validityDaysMax) {
    throw invalid('validityDays', `1 to ${validityDaysMax} days are possible: current value is ${validityDays}`)
  }
  if (passphrase !== undefined && [...passphrase].length < passphraseCharactersMin) {
    throw invalid('passphrase', `at least ${passphraseCharactersMin} characters are required`)
  }
  const { privateKey, publicKey } = await makeKeys(keyType)
  const publicKeyDer = publicKey.export({ type: 'spki', format: 'der' })
  const notBeforeMs = Math.floor((nowMs - backdatedMs) / 1_000) * 1_000
  return {
    self: { nameDer: encodeName(subject), privateKey, publicKeyDer },
    template: {
      subject,
      serial: randomSerial(),
      notBeforeMs,
      notAfterMs: notBeforeMs + validityDays * dayMs,
      publicKeyDer,
      keyUsage: ['keyCertSign', 'cRLSign'],
    },
    passphrase,
  }
}

function finish(
  { self, template, passphrase }: Made,
  by: CertificateSigner & { readonly pathLength: number; readonly latestMs?: number },
): CreatedAuthority {
  const hash = signingAlgorithmOf(by.privateKey).hash
  const { der, pem } = buildCertificate(
    {
      ...template,
      basicConstraints: { ca: true, pathLength: by.pathLength },
      notAfterMs: Math.min(template.notAfterMs, by.latestMs ?? template.notAfterMs),
    },
    { ...by, ...(hash === 'intrinsic' ? {} : { hash }) },
  )
  const encryption = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }
  const keyPem = self.privateKey.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString()
  return { certificatePem: pem, keyPem, certificate: readCertificate(der) }
}

function subjectOf({ subject }: AuthoritySettings): NameAttribute[] {
  if (subject.some((text) => /[{}]/.test(text))) throw invalid('subject', 'a CA has no placeholders in its name')
  const holder = { loginId: 'unused', contractId: 'unused' }
  const attributes = subject.map((text, index) => renderAttribute(parseAttribute(text, `subject[${index}]`), holder))
  // Browsers show the issuer's common name beside each certificate (R12).
  if (!attributes.some(({ oid }) => oid === oids.commonName)) throw invalid('subject', 'a CA needs a CN')
  return attributes
}

function readParent({ certificatePem, keyPem, passphrase }: ParentAuthority, nowMs: number) {
  const { der, certificate } = certificateOf(certificatePem, 'root')
  let privateKey: KeyObject
  try {
    privateKey = createPrivateKey({ key: keyPem, ...(passphrase === undefined ? {} : { passphrase }) })
  } catch (cause) {
    throw invalid('root', 'its key cannot be opened: wrong passphrase, or no PKCS #8 PEM file', cause)
  }
  if (!new X509Certificate(der).checkPrivateKey(privateKey)) throw invalid('root', 'its key is another certificate’s')
  const { basicConstraints, keyUsage, notBeforeMs, notAfterMs } = certificate
  if (basicConstraints?.ca !== true || keyUsage?.keyCertSign === false || basicConstraints.pathLength === 0) {
    throw invalid('root', 'it may not have CAs below it')
  }
  if (nowMs < notBeforeMs || nowMs >= notAfterMs) {
    throw invalid('root', `it is valid from ${iso(notBeforeMs)} to ${iso(notAfterMs)} only`)
  }
  const keyIdentifier = subjectKeyIdentifierOf(der)
  const { subjectNameDer: nameDer, publicKeyDer } = certificate
  return { certificate, signer: { nameDer, publicKeyDer, privateKey, keyIdentifier } }
}

function certificateOf(pem: string, path: string): { der: Uint8Array; certificate: ClientCertificate } {
  const [der, surplus] = pemBlocks(pem, 'CERTIFICATE')
  if (der === undefined || surplus !== undefined) throw invalid(path, 'one PEM certificate belongs there')
  try {
    return { der, certificate: readCertificate(der) }
  } catch (cause) {
    throw invalid(path, 'its certificate is unreadable', cause)
  }
}

async function makeKeys(keyType: AuthorityKeyType): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  const generate = promisify(generateKeyPair)
  switch (keyType) {
    case 'P-256':
    case 'P-384':
      return await generate('ec', { namedCurve: keyType })
    case 'RSA-3072':
      return await generate('rsa', { modulusLength: 3_072 })
    case 'RSA-4096':
      return await generate('rsa', { modulusLength: 4_096 })
  }
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

function invalid(path: string, reason: string, cause?: unknown): GatewayError {
  return new GatewayError('config_invalid', `Cannot create the CA as ${path} cannot be used: ${reason}`, {
    cause,
    path,
  })
}
