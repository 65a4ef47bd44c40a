import { constants } from 'node:crypto'
import { isIP } from 'node:net'
import { type ConnectionOptions, checkServerIdentity, createSecureContext, type SecureContext } from 'node:tls'
import type { UpstreamTlsConfig } from '../config/gateway-config.ts'

/** How an upstream's certificate is verified and which one of the gateway's own it is shown. */
export type UpstreamTls = { readonly context: SecureContext; readonly serverName: string | undefined }

/** Forward secrecy only; security level 2 refuses keys below 112 bits and SHA-1 signatures. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'ECDHE+AESGCM',
  'ECDHE+CHACHA20',
  '@SECLEVEL=2',
].join(':')

/**
 * Made once for each upstream and thread: a context per connection stays in memory until the collector comes by (nodejs/node#66002).
 * Nothing but the configured CAs is trusted, and those also when they are not roots.
 */
export function createUpstreamTls(tls: UpstreamTlsConfig): UpstreamTls {
  const context = createSecureContext({
    ca: tls.caPem,
    allowPartialTrustChain: true,
    minVersion: 'TLSv1.2',
    ciphers,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
    ...(tls.certificatePem === undefined || tls.keyPem === undefined
      ? {}
      : { cert: tls.certificatePem, key: tls.keyPem }),
  })
  return { context, serverName: tls.serverName }
}

/**
 * What `tls.connect` and `https.request` need to connect to `host`: the certificate must be for the configured server name, else for
 * `host` (RFC 9525); a name, unlike an address, is also sent as SNI (RFC 6066 3). Sessions are not resumed: a resumed one is not
 * verified again.
 */
export function upstreamTlsOptions({ context, serverName }: UpstreamTls, host: string) {
  const name = serverName ?? host
  return {
    secureContext: context,
    servername: isIP(name) === 0 ? name : '',
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    rejectUnauthorized: true,
    ALPNProtocols: ['http/1.1'],
  } satisfies ConnectionOptions
}
