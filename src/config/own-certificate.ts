import { pemFile } from './field.ts'

/** How the gateway names itself to others that it speaks TLS with: both fields or none. */
export const ownCertificate = {
  certificate: pemFile(
    'PEM file: the gateway’s own client certificate followed by its intermediates; left out: it shows none',
  ).optional(),
  key: pemFile('PEM file: the private key of that certificate, unencrypted, readable by this program only').optional(),
} as const
