import type { ConfigFile } from './config-file.ts'
import type { PasswordsConfig, ServiceTlsConfig, VerifierConfig } from './gateway-config.ts'
import type { FieldPath } from './problem-list.ts'
import { readClientTls } from './read-client-tls.ts'
import type { PemContext } from './read-pems.ts'

/** How passwords are checked, its certificates read. Notes a service that cannot be known by its certificate. */
export function readPasswords(written: ConfigFile['passwords'], context: PemContext): PasswordsConfig {
  const { verifier, ...rest } = written
  return { ...rest, verifier: readVerifier(verifier, ['passwords', 'verifier'], context) }
}

function readVerifier(
  written: ConfigFile['passwords']['verifier'],
  path: FieldPath,
  context: PemContext,
): VerifierConfig {
  if (written.kind === 'directory') return { kind: 'directory' }
  const { kind, url, timeoutMs, requestsAtOnceMax } = written
  return { kind, url, timeoutMs, requestsAtOnceMax, ...readServiceTls(written, path, context) }
}

type WrittenService = {
  readonly url: string
  readonly ca?: string | undefined
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

/**
 * How a service at `url` is known. Notes https:// without CAs to know it by, and CAs or a certificate of our own where nothing is
 * encrypted; warns of passwords that cross the network in the clear.
 */
export function readServiceTls(written: WrittenService, path: FieldPath, context: PemContext): ServiceTlsConfig {
  const { problems } = context
  const url = URL.parse(written.url)
  if (url === null || url.username !== '' || url.password !== '') {
    problems.add([...path, 'url'], { reason: 'it is no URL, or holds a name or password' })
    return { caPem: undefined, certificatePem: undefined, keyPem: undefined }
  }
  if (url.protocol === 'https:') {
    if (written.ca === undefined) problems.add([...path, 'ca'], { reason: 'the url is https://' })
    const { caPem, certificatePem, keyPem } = readClientTls(written, path, context)
    return { caPem, certificatePem, keyPem }
  }
  for (const name of ['ca', 'certificate', 'key'] as const) {
    if (written[name] !== undefined) problems.add([...path, name], { reason: 'the url is not https://' })
  }
  if (!['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)) {
    problems.warn(`${path.join('.')}.url is not https://: passwords cross the network in the clear`)
  }
  return { caPem: undefined, certificatePem: undefined, keyPem: undefined }
}
