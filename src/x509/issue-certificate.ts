import { generateKeyPair, type KeyObject, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { GatewayError } from '../base/errors.ts'
import { assembleSigned, buildTbs, type CertificateIssuer } from './build-certificate.ts'
import { type CertificateOrder, type CertificateProfile, certificateTemplate } from './certificate-profile.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { keyIdentifierOf } from './encode-extensions.ts'
import type { IssuingCa } from './issuing-ca.ts'
import { lintCertificate, refuseFindings } from './lint-certificate.ts'
import { subjectKeyIdentifierOf } from './list-extensions.ts'
import { pemBlocks, pemOf } from './pem.ts'
import { readCertificate } from './read-certificate.ts'
import { digestOf, type Signer, type SigningAlgorithm } from './signing-algorithm.ts'
import { isSignedBy } from './verify-signature.ts'

/** A CA together with what signs for it. */
export type Authority = { readonly issuer: IssuingCa; readonly signer: Signer; readonly profile: CertificateProfile }

export type IssuedCertificate = {
  readonly der: Uint8Array
  readonly pem: string
  readonly certificate: ClientCertificate
}

/**
 * Makes a user's certificate: builds what is to be signed, lints a copy signed with a throw-away key of the same kind,
 * and only then has it signed, once. What the signer gives is verified with the CA's key before it is handed out.
 *
 * Throws GatewayError `certificate_lint_failed` (nothing was signed), `signer_unavailable` (the same call may succeed
 * later: `serial` may be used again for the same order), `login_id_invalid`, `config_invalid` when the signer's key is
 * not the issuer's.
 */
export async function issueCertificate(authority: Authority, order: CertificateOrder): Promise<IssuedCertificate> {
  const { issuer, signer, profile } = authority
  const { algorithm } = signer
  if (Buffer.compare(signer.publicKeyDer, issuer.certificate.publicKeyDer) !== 0) {
    throw new GatewayError('config_invalid', `Cannot sign as ${issuer.name} as the signing key is not its own`)
  }
  const signingIssuer = issuerOf(issuer)
  const tbs = buildTbs(certificateTemplate(profile, order), { issuer: signingIssuer, algorithm })
  await refuseFaults(tbs, { authority, order, signingIssuer })
  const der = assembleSigned(tbs, { algorithm, signature: await signer.sign(tbs) })
  if (!isSignedBy(der, issuer.publicKey)) {
    throw new GatewayError(
      'signer_unavailable',
      `Cannot use the signature as it was not made with the key of ${issuer.name}`,
    )
  }
  return { der, pem: pemOf(der, 'CERTIFICATE'), certificate: readCertificate(der) }
}

type SigningIssuer = CertificateIssuer & { readonly keyIdentifier: Uint8Array }

/** Name and key identifier as they stand in the CA's own certificate, which verifiers compare. */
export function issuerOf({ certificate, certificatePem, subjectNameDer }: IssuingCa): SigningIssuer {
  const [der] = pemBlocks(certificatePem, 'CERTIFICATE')
  const { publicKeyDer } = certificate
  const own = der === undefined ? undefined : subjectKeyIdentifierOf(der)
  return { nameDer: subjectNameDer, publicKeyDer, keyIdentifier: own ?? keyIdentifierOf(publicKeyDer) }
}

async function refuseFaults(
  tbs: Uint8Array,
  context: { authority: Authority; order: CertificateOrder; signingIssuer: SigningIssuer },
): Promise<void> {
  const { authority, order, signingIssuer } = context
  const { issuer, profile, signer } = authority
  const { algorithm } = signer
  const keys = await throwAwayKeys(algorithm, issuer.publicKey)
  const signature = sign(digestOf(algorithm), tbs, keys.privateKey)
  const copy = assembleSigned(tbs, { algorithm, signature })
  const issuerKeyIdentifier = signingIssuer.keyIdentifier
  const findings = lintCertificate(copy, { profile, order, issuer, issuerKeyIdentifier, algorithm })
  if (findings.length === 0 && !isSignedBy(copy, keys.publicKey)) {
    findings.push('the signature algorithm it names is not the one that signs')
  }
  refuseFindings(findings)
}

type Keys = { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
const thrownAway = new Map<string, Promise<Keys>>()

/** One pair for each kind of key serves the whole process: what it signs is thrown away. RSA takes 2 048 bits. */
function throwAwayKeys({ keyType }: SigningAlgorithm, like: KeyObject): Promise<Keys> {
  const namedCurve = like.asymmetricKeyDetails?.namedCurve ?? 'prime256v1'
  const kind = keyType === 'ec' ? namedCurve : keyType
  const found = thrownAway.get(kind) ?? makeKeys(keyType, namedCurve)
  thrownAway.set(kind, found)
  return found
}

async function makeKeys(keyType: SigningAlgorithm['keyType'], namedCurve: string): Promise<Keys> {
  const generate = promisify(generateKeyPair)
  switch (keyType) {
    case 'rsa':
      return await generate('rsa', { modulusLength: 2_048 })
    case 'ec':
      return await generate('ec', { namedCurve })
    case 'ed25519':
      return await generate('ed25519')
    case 'ed448':
      return await generate('ed448')
  }
}
