import type { ClientCertificate } from './client-certificate.ts'
import { pemBlocks } from './pem.ts'
import { readCertificate } from './read-certificate.ts'

/** The first certificate of a PEM text. Throws GatewayError `certificate_unreadable`, also where there is none. */
export function readPemCertificate(pem: string): ClientCertificate {
  const [der] = pemBlocks(pem, 'CERTIFICATE')
  return readCertificate(der ?? new Uint8Array())
}
