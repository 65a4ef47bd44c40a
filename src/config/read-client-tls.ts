import { normaliseHost } from './host-name.ts'
import { type FieldPath, showPath } from './problem-list.ts'
import { readKeyPair } from './read-key-pair.ts'
import { type PemCertificate, type PemContext, readAuthorities } from './read-pems.ts'

type Written = {
  readonly ca?: string | undefined
  readonly serverName?: string | undefined
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

/** How the gateway knows those it connects to, and what it shows them. */
export type ClientTls = {
  /** Undefined where no file is named, or, with a problem noted, where it cannot be used. */
  readonly caPem: string | undefined
  readonly serverName: string | undefined
  /** Intermediates after it; undefined together with `keyPem`. */
  readonly certificatePem: string | undefined
  readonly keyPem: string | undefined
}

/**
 * Reads the `tls` group at `path`. Notes CAs that are none or all expired, a certificate without its key or the other way round, a
 * pair that does not fit or cannot be used now, and a server name that is none.
 */
export function readClientTls(written: Written, path: FieldPath, context: PemContext): ClientTls {
  const authorities = written.ca === undefined ? undefined : readAuthorities(written.ca, [...path, 'ca'], context)
  if (authorities !== undefined) checkValidity(authorities, [...path, 'ca'], context)
  const pair = readOwnPair(written, path, context)
  return {
    caPem: authorities?.map(({ pem }) => pem).join(''),
    serverName: readServerName(written, path, context),
    certificatePem: pair?.certificatePem,
    keyPem: pair?.keyPem,
  }
}

/** An old CA beside a new one is a rotation; a file of old ones only lets nobody pass. */
function checkValidity(authorities: readonly PemCertificate[], path: FieldPath, context: PemContext): void {
  const { nowMs, problems } = context
  const expired = authorities.filter(({ certificate }) => nowMs > certificate.validToDate.getTime())
  if (expired.length === 0) return
  const end = expired.at(-1)?.certificate.validToDate.toISOString()
  if (expired.length === authorities.length)
    problems.add(path, {
      expected: 'a PEM file with a CA certificate that is valid now',
      reason: `it expired at ${end}`,
    })
  else
    problems.warn(`${expired.length} of ${authorities.length} CAs in the file of ${showPath(path)} expired, at ${end}`)
}

function readOwnPair(written: Written, path: FieldPath, context: PemContext) {
  const { certificate, key } = written
  if (certificate !== undefined && key !== undefined)
    return readKeyPair({ certificate, key }, path, { use: 'client', context })
  if (certificate !== undefined) context.problems.add([...path, 'key'], { reason: 'a certificate stands beside it' })
  if (key !== undefined) context.problems.add([...path, 'certificate'], { reason: 'a key stands beside it' })
  return undefined
}

/** An address can neither be sent as SNI (RFC 6066 3) nor differ sensibly from the one that is connected to. */
function readServerName(written: Written, path: FieldPath, context: PemContext): string | undefined {
  if (written.serverName === undefined) return undefined
  const name = normaliseHost(written.serverName)
  if (name !== undefined && /[a-z_]/.test(name) && !name.includes(':')) return name
  context.problems.add([...path, 'serverName'], {})
  return undefined
}
