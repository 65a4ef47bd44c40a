import type { KeyType } from '../../x509/certificate-profile.ts'

/** What `certreq -new` reads, but for the provider, which the script tries one after the other. */
export type RequestSettings = {
  readonly loginId: string
  /** What Windows shows beside the certificate. */
  readonly friendlyName: string
  readonly keyType: KeyType
}

const keyAlgorithms: Readonly<Record<KeyType, readonly [algorithm: string, bits: number]>> = {
  'P-256': ['ECDSA_P256', 256],
  'P-384': ['ECDSA_P384', 384],
  'RSA-2048': ['RSA', 2_048],
}

/** Where Windows makes keys: the TPM, and its own software. The first that can is taken. */
export const keyProviders = ['Microsoft Platform Crypto Provider', 'Microsoft Software Key Storage Provider'] as const

/**
 * The INF file of `certreq -new`: a key of this Windows user that cannot be exported (R26), and a request for it with the login ID as
 * CN. Without `ProviderName`, which belongs after its last line. Lines end in CR LF.
 */
export function requestSettings({ loginId, friendlyName, keyType }: RequestSettings): string {
  const [algorithm, bits] = keyAlgorithms[keyType]
  return [
    '[Version]',
    'Signature = "$Windows NT$"',
    '',
    '[NewRequest]',
    `Subject = ${infText(`CN=${nameText(loginId)}`)}`,
    `FriendlyName = ${infText(friendlyName)}`,
    `KeyAlgorithm = ${algorithm}`,
    `KeyLength = ${bits}`,
    'KeyUsage = 0x80',
    'HashAlgorithm = sha256',
    'Exportable = FALSE',
    'MachineKeySet = FALSE',
    'SMIME = FALSE',
    'RequestType = PKCS10',
    '',
  ].join('\r\n')
}

/** A string of an INF file: quotation marks are doubled, and a percent sign stands for itself when it is doubled. */
function infText(text: string): string {
  return `"${printable(text).replaceAll('"', '""').replaceAll('%', '%%')}"`
}

/** A value of a distinguished name as `CertStrToName` reads it: quoted where something else would end it. */
function nameText(text: string): string {
  return /[,+="<>#;\s]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** One line: control characters become blanks. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
}
