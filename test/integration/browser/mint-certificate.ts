import { createPrivateKey, createPublicKey } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../src/base/clock.ts'
import { type DemoAuthority, makeAuthority } from '../../../src/demo/demo-authorities.ts'
import { type DemoPki, demoIssuerName } from '../../../src/demo/demo-files.ts'
import { demoOrganization } from '../../../src/demo/demo-people.ts'
import { buildCertificate, type CertificateTemplate } from '../../../src/x509/build-certificate.ts'
import { buildPkcs12 } from '../../../src/x509/build-pkcs12.ts'
import { encodeName } from '../../../src/x509/encode-name.ts'
import { oids } from '../../../src/x509/oids.ts'
import { randomSerial } from '../../../src/x509/random-serial.ts'
import type { BrowserCertificate } from '../../helpers/browser.ts'
import { type KeyKind, makeKeys } from '../../helpers/test-ca.ts'

/** What the demo's own people have no certificate for. Default: a good one for one year. */
export type MintOptions = {
  /** Subject CN; `undefined` writes none. */
  readonly commonName: string | undefined
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
  readonly keyKind?: KeyKind
  readonly extendedKeyUsage?: readonly string[]
  readonly otherExtensions?: CertificateTemplate['otherExtensions']
  /** `stranger` is a CA of another name, `impostor` one of the same name with another key. Default the demo's own. */
  readonly signedBy?: 'demo' | 'stranger' | 'impostor'
}

export type Mint = { readonly folder: string; mint(options: MintOptions): Promise<BrowserCertificate> }

const yearMs = 365 * 86_400_000
const password = 'sekisho'

/** Mints client certificates, as .p12 files in `folder`, with the key of the demo's issuing CA. */
export function createMint(pki: DemoPki): Mint {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-mint-'))
  const nowMs = systemClock.nowMs()
  const signers = {
    demo: demoAuthority(pki),
    stranger: makeAuthority('other-issuing-ca', { nowMs }),
    impostor: makeAuthority(demoIssuerName, { nowMs }),
  }
  let minted = 0
  return {
    folder,
    mint: async (options) => {
      const { certificatePem, privateKey } = makeClient(signers[options.signedBy ?? 'demo'], options)
      const friendlyName = options.commonName ?? 'nameless'
      const pkcs12 = await buildPkcs12({ privateKey, certificatePem, chainPems: [], friendlyName, password })
      const file = join(folder, `${minted++}.p12`)
      writeFileSync(file, pkcs12)
      return { file, password }
    },
  }
}

function demoAuthority(pki: DemoPki): DemoAuthority {
  const privateKey = createPrivateKey(readFileSync(pki.files.issuingCaKey))
  return {
    nameDer: encodeName(subjectOf(demoIssuerName)),
    publicKeyDer: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    privateKey,
    pem: readFileSync(pki.files.issuingCa, 'utf8'),
  }
}

function makeClient(signer: DemoAuthority, options: MintOptions) {
  const { privateKey, publicKey } = makeKeys(options.keyKind ?? 'p256')
  const nowMs = systemClock.nowMs()
  const { pem } = buildCertificate(
    {
      subject: subjectOf(options.commonName),
      serial: randomSerial(),
      notBeforeMs: options.notBeforeMs ?? nowMs - 60_000,
      notAfterMs: options.notAfterMs ?? nowMs + yearMs,
      publicKeyDer: publicKey.export({ type: 'spki', format: 'der' }),
      basicConstraints: { ca: false },
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: options.extendedKeyUsage ?? [oids.clientAuth],
      otherExtensions: options.otherExtensions ?? [],
    },
    signer,
  )
  return { certificatePem: pem, privateKey }
}

function subjectOf(commonName: string | undefined) {
  return [
    { oid: oids.countryName, value: 'JP' },
    { oid: oids.organizationName, value: demoOrganization },
    ...(commonName === undefined ? [] : [{ oid: oids.commonName, value: commonName }]),
  ]
}
