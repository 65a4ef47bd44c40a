import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { ConfigFile } from './config-file.ts'
import type { IssuerConfig, IssuingConfig, SignerConfig } from './gateway-config.ts'
import { checkKeyMode } from './read-key-pair.ts'
import { readServiceTls } from './read-passwords.ts'
import { type PemContext, readPemText } from './read-pems.ts'

type Sections = Partial<Pick<ConfigFile, 'issuing' | 'directory' | 'issuers' | 'revocation'>>
const section = ['issuing']
const signerPath = [...section, 'signer']

/**
 * The CA that issues, its key read. Undefined: none is configured, or, with a problem noted, it cannot be used. Notes an issuer that is
 * not configured, a key that is not its own or cannot be opened, a directory that could not keep what is issued, and placeholders that
 * are not known.
 */
export function readIssuing(
  sections: Sections,
  issuers: readonly IssuerConfig[] | undefined,
  context: PemContext & { readonly baseUrl?: string | undefined },
): IssuingConfig | undefined {
  const { issuing: written, directory } = sections
  if (written === undefined) return undefined
  const { problems } = context
  if (directory === 'none') {
    problems.add(section, { expected: 'a section that is left out', reason: 'directory is none' })
  }
  const issuer = issuers?.find(({ name }) => name === written.issuer)
  if (issuer === undefined && issuers !== undefined) {
    const reason = `configured are ${issuers.map(({ name }) => name).join(', ')}`
    problems.add([...section, 'issuer'], { expected: 'the name of a configured issuer', reason })
  }
  checkTemplates(written, context)
  const { signer, ...rest } = written
  const read = readSigner(signer, issuer, context)
  return read === undefined ? undefined : { ...rest, ...placesOf(written, context), signer: read }
}

/** Where relying parties look, as it goes into certificates: what is written, or else where it is published. */
function placesOf(
  written: NonNullable<ConfigFile['issuing']>,
  { problems, baseUrl }: PemContext & { readonly baseUrl?: string | undefined },
): Pick<IssuingConfig, 'crlUrls' | 'ocspUrls' | 'caIssuersUrls'> {
  const { issuer } = written
  const own = (name: 'crlUrls' | 'ocspUrls' | 'caIssuersUrls', path: string) =>
    baseUrl === undefined || problems.written([...section, name]) !== undefined ? written[name] : [`${baseUrl}${path}`]
  return {
    crlUrls: own('crlUrls', `/pki/${issuer}.crl`),
    ocspUrls: own('ocspUrls', '/ocsp'),
    caIssuersUrls: own('caIssuersUrls', `/pki/${issuer}.cer`),
  }
}

function readSigner(
  written: NonNullable<ConfigFile['issuing']>['signer'],
  issuer: IssuerConfig | undefined,
  context: PemContext,
): SignerConfig | undefined {
  const { problems } = context
  switch (written.kind) {
    case 'pkcs11':
      return written
    case 'est': {
      const { kind, url, username, password, timeoutMs } = written
      if ((username === undefined) !== (password === undefined)) {
        problems.add([...signerPath, username === undefined ? 'username' : 'password'], {
          reason: 'one stands there without the other',
        })
      }
      return { kind, url, username, password, timeoutMs, ...readServiceTls(written, signerPath, context) }
    }
    case 'file': {
      const keyPem = readPemText(written.key, [...signerPath, 'key'], context)
      if (keyPem === undefined) return undefined
      checkKeyMode(written.key, [...signerPath, 'key'], context)
      checkKey(keyPem, { password: written.keyPassword, issuer, context })
      return { kind: 'file', keyPem, keyPassword: written.keyPassword }
    }
  }
}

function checkKey(
  keyPem: string,
  {
    password,
    issuer,
    context,
  }: { password: string | undefined; issuer: IssuerConfig | undefined; context: PemContext },
): void {
  const { problems } = context
  const encrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----/.test(keyPem)
  const keyPath = [...signerPath, 'key']
  if (encrypted && password === undefined) {
    problems.add([...signerPath, 'keyPassword'], { reason: 'the key is encrypted' })
    return
  }
  if (!encrypted && password !== undefined) {
    problems.add([...signerPath, 'keyPassword'], {
      expected: 'a field that is left out',
      reason: 'the key is not encrypted',
    })
    return
  }
  try {
    const key = createPrivateKey(encrypted ? { key: keyPem, passphrase: password } : { key: keyPem })
    if (issuer === undefined || new X509Certificate(issuer.certificatePem).checkPrivateKey(key)) return
    problems.add(keyPath, {
      expected: `the private key of ${issuer.name}`,
      reason: 'it belongs to another certificate',
    })
  } catch {
    const reason = encrypted ? 'it cannot be opened with that password' : 'there is no readable private key in it'
    problems.add(keyPath, { reason })
  }
}

const known: ReadonlySet<string> = new Set(['loginId', 'contractId'])

function checkTemplates(written: NonNullable<ConfigFile['issuing']>, { problems }: PemContext): void {
  for (const list of ['subject', 'subjectAltNames'] as const) {
    for (const [index, text] of written[list].entries()) {
      const unknown = [...text.matchAll(/\{([^}]*)\}?/g)].find(
        ([whole, name]) => !whole.endsWith('}') || !known.has(name ?? ''),
      )
      if (unknown !== undefined) {
        problems.add([...section, list, index], { reason: `${unknown[0]} is neither {loginId} nor {contractId}` })
      }
    }
  }
  const named = [...written.subject, ...written.subjectAltNames].some((text) => text.includes('{loginId}'))
  if (!named) problems.add([...section, 'subject'], { reason: 'nothing in it names the login ID' })
}
