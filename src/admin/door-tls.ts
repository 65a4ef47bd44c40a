import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { GatewayError } from '../base/errors.ts'
import type { AdminDoorConfig, ServerCertificateConfig } from '../config/gateway-config.ts'
import { type IssuingCa, readIssuingCa } from '../x509/issuing-ca.ts'

export type AdminCertificates = Pick<AdminDoorConfig, 'operatorIssuerPems' | 'serverCertificates'>

/** Whom the door trusts and how it names itself, built once for a configuration. */
export type DoorTls = {
  readonly issuers: readonly IssuingCa[]
  /** For clients without SNI, or with a name that no certificate has. */
  readonly defaultContext: SecureContextOptions
  contextOf(name: string): SecureContext | undefined
}

/** Throws `config_invalid` for a CA, certificate or key that cannot be used. */
export function buildTls(certificates: AdminCertificates, nowMs: number): DoorTls {
  const { operatorIssuerPems, serverCertificates } = certificates
  const issuers = operatorIssuerPems.map((certificatePem, position) =>
    readIssuingCa({ name: `operators-${position}`, certificatePem, chainPems: [] }, nowMs),
  )
  const contexts = serverCertificates.map((certificate, position) => ({
    names: certificate.names,
    context: buildContext(certificate, { operatorIssuerPems, position }),
  }))
  return {
    issuers,
    defaultContext: contextOptions(serverCertificates[0] as ServerCertificateConfig, operatorIssuerPems),
    contextOf: (name) => contexts.find(({ names }) => names.includes(name.toLowerCase()))?.context,
  }
}

function buildContext(
  certificate: ServerCertificateConfig,
  from: { readonly operatorIssuerPems: readonly string[]; readonly position: number },
): SecureContext {
  try {
    return createSecureContext(contextOptions(certificate, from.operatorIssuerPems))
  } catch (cause) {
    const path = `doors.admin.serverCertificates[${from.position}]`
    const why = (cause as NodeJS.ErrnoException).code ?? 'OpenSSL refuses it'
    throw new GatewayError('config_invalid', `Cannot use ${path} for TLS: ${why}`, { cause, path })
  }
}

function contextOptions(
  { certificatePem, keyPem }: ServerCertificateConfig,
  operatorIssuerPems: readonly string[],
): SecureContextOptions {
  return {
    cert: certificatePem,
    key: keyPem,
    ca: [...operatorIssuerPems],
    minVersion: 'TLSv1.2',
    ciphers: 'DEFAULT@SECLEVEL=2',
    // Without tickets and without a session store nothing can be resumed: a resumed session is not verified again.
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}
