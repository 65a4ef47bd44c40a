import { readFileSync } from 'node:fs'
import { pemBlocks } from '../../x509/pem.ts'
import { CommandError } from '../command-context.ts'

const fileBytesMax = 65_536
/** Of every DER certificate: a SEQUENCE. */
const sequence = 0x30
/** A .p12 begins with its version, 3 (RFC 7292 4), in hex. */
const pkcs12Start = /^30(?:[0-7].|80|8[1-4](?:..){1,4}?)020103/

/** What others put into files where a certificate is wanted, and what to do then. */
const instead: readonly (readonly [pattern: RegExp, what: string])[] = [
  [
    /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/,
    'it holds a private key only; give the certificate that belongs to it',
  ],
  [/-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----/, 'it holds a request; give the certificate that came of it'],
  [/-----BEGIN X509 CRL-----/, 'it holds a CRL; look at that with sekisho crl inspect FILE'],
]

/**
 * The certificate of a file as DER: of several the first, and nothing else of it, so that no key beside it leaves this machine. Throws
 * CommandError, which says what the file is instead.
 */
export function readCertificateFile(file: string): { readonly der: Uint8Array; readonly others: number } {
  const bytes = readBytes(file)
  const text = bytes.toString('latin1')
  const [der, ...others] = pemBlocks(text, 'CERTIFICATE')
  if (der !== undefined) return { der, others: others.length }
  const why = instead.find(([pattern]) => pattern.test(text))?.[1]
  if (why !== undefined) throw unusable(file, why)
  if (pkcs12Start.test(bytes.subarray(0, 16).toString('hex'))) {
    throw unusable(
      file,
      `it is a .p12; take the certificate out: openssl pkcs12 -in ${file} -clcerts -nokeys -out cert.pem`,
    )
  }
  if (bytes[0] !== sequence)
    throw unusable(file, 'it holds none, neither as PEM (-----BEGIN CERTIFICATE-----) nor as DER')
  return { der: bytes, others: 0 }
}

function readBytes(file: string): Buffer {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (cause as Error).message
    throw new CommandError(`Cannot read ${file}: ${why}`, { cause })
  }
  if (bytes.length <= fileBytesMax) return bytes
  throw unusable(file, `it is over ${fileBytesMax} bytes`)
}

function unusable(file: string, why: string): CommandError {
  return new CommandError(`Cannot use ${file} as a certificate: ${why}`)
}
