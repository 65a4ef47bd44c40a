import { constants, hkdfSync } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { ServerCertificateConfig } from '../config/gateway-config.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import { normaliseHost } from './host-check.ts'

/**
 * Strong suites only, AES-128 first: it is as safe here as AES-256 and costs less. Security level 2 refuses keys below 112 bits
 * and SHA-1 signatures (Node's own default level accepts both in client chains).
 */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  '@SECLEVEL=2',
].join(':')

const groups = 'X25519MLKEM768:X25519:P-256:P-384'

export type DoorContextOptions = {
  readonly name: string
  readonly serverCertificates: readonly ServerCertificateConfig[]
  /** CAs whose certificates are asked for; undefined on a door that asks for none. */
  readonly issuers: readonly IssuingCa[] | undefined
  /** Undefined: sessions are never resumed. */
  readonly resumption: { readonly lifetimeSeconds: number; readonly ticketSecret: Buffer } | undefined
}

/** The TLS contexts of one door: one client-CA trust domain with its own ticket keys, a context for each server certificate. */
export type DoorContexts = {
  readonly fallback: SecureContext
  /** Undefined when there is only one certificate, so that no handshake pays for a choice. */
  readonly choose:
    | ((serverName: string, done: (error: Error | null, context?: SecureContext) => void) => void)
    | undefined
}

/**
 * Sessions are bound to the door by ticket keys and session id context of its own: one made on another door, with other
 * issuers, is worthless here (CVE-2025-23419 and its like). Without resumption there are neither tickets nor a cache.
 */
export function createDoorContexts(options: DoorContextOptions): DoorContexts {
  const contexts = options.serverCertificates.map((certificate) => createContext(certificate, options))
  const [fallback] = contexts
  if (fallback === undefined) throw new Error('Cannot open a door without a server certificate')
  if (contexts.length === 1) return { fallback, choose: undefined }
  const byName = new Map<string, SecureContext>()
  for (const [index, { names }] of options.serverCertificates.entries()) {
    const context = contexts[index] as SecureContext
    for (const name of names) if (!byName.has(name)) byName.set(name, context)
  }
  return {
    fallback,
    choose: (serverName, done) => {
      const name = normaliseHost(serverName) ?? ''
      done(null, byName.get(name) ?? byName.get(name.replace(/^[^.]+/, '*')) ?? fallback)
    },
  }
}

function createContext(certificate: ServerCertificateConfig, options: DoorContextOptions): SecureContext {
  const { resumption, issuers } = options
  return createSecureContext({
    cert: certificate.certificatePem,
    key: certificate.keyPem,
    // An issuing CA is trusted by itself: the chain above it was checked at start, so no handshake verifies it again.
    ...(issuers === undefined
      ? {}
      : { ca: issuers.map((issuer) => issuer.certificatePem), allowPartialTrustChain: true }),
    minVersion: 'TLSv1.2',
    ciphers,
    ecdhCurve: groups,
    honorCipherOrder: true,
    sessionIdContext: options.name,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (resumption === undefined ? constants.SSL_OP_NO_TICKET : 0),
    ...(resumption === undefined
      ? {}
      : { ticketKeys: ticketKeys(resumption.ticketSecret, options.name), sessionTimeout: resumption.lifetimeSeconds }),
  })
}

/** 48 bytes as OpenSSL wants them, different for every door. */
function ticketKeys(secret: Buffer, door: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `sekisho tickets ${door}`, 48))
}
