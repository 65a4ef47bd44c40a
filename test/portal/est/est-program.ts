// Speaks to EST doors as a program does.
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { request as startRequest } from 'node:https'
import { buildSigningRequest, type SigningRequestTemplate } from '../../../src/x509/build-signing-request.ts'
import { type CertificateKey, certificateKey } from '../../../src/x509/certificate-key.ts'
import { decodeEstBody, encodeEstBody, readCertsOnly } from '../../../src/x509/certs-only.ts'
import { oids } from '../../../src/x509/oids.ts'
import { type EstWorld, issuingCa, root } from './est-world.ts'

export type ProgramRequest = {
  readonly method?: string
  /** Below `/.well-known/est/`, or from `/` on. */
  readonly operation: string
  readonly body?: string | Uint8Array
  /** `name:password`. */
  readonly basic?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Shown on the certificate door; left out: the public door is asked. */
  readonly client?: { readonly certificate: X509Certificate; readonly key: KeyObject }
}

export type ProgramAnswer = {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly text: string
}

export async function ask(world: EstWorld, options: ProgramRequest): Promise<ProgramAnswer> {
  const { operation, body, basic, client } = options
  const { promise, resolve, reject } = Promise.withResolvers<ProgramAnswer>()
  const path = operation.startsWith('/') ? operation : `/.well-known/est/${operation}`
  const request = startRequest(
    {
      host: 'localhost',
      port: client === undefined ? world.publicPort : world.certificatePort,
      path,
      method: options.method ?? (body === undefined ? 'GET' : 'POST'),
      ca: root.certificatePem,
      agent: false,
      ...(client === undefined
        ? {}
        : {
            cert: client.certificate.toString() + issuingCa.certificatePem,
            key: client.key.export({ type: 'pkcs8', format: 'pem' }),
          }),
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': 'application/pkcs10' }),
        ...(basic === undefined ? {} : { Authorization: `Basic ${Buffer.from(basic).toString('base64')}` }),
        ...options.headers,
      },
    },
    (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(parts).toString(),
        }),
      )
    },
  )
  request.on('error', reject)
  request.end(body)
  return promise
}

export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

/** Base64 of a request for this key, as EST carries it. */
export function requestFor(privateKey: KeyObject, more: Omit<SigningRequestTemplate, 'privateKey'> = {}): string {
  return encodeEstBody(buildSigningRequest({ privateKey, ...more }).der)
}

export function commonName(value: string) {
  return [{ oid: oids.commonName, value }]
}

/** The certificates of an answer; throws for any other answer. */
export function certificatesOf(answer: ProgramAnswer): X509Certificate[] {
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`)
  return readCertsOnly(decodeEstBody(answer.text)).map((der) => new X509Certificate(der))
}

/** The one certificate of an answer. */
export function certificateOf(answer: ProgramAnswer): X509Certificate {
  const [certificate, ...surplus] = certificatesOf(answer)
  if (certificate === undefined || surplus.length > 0) throw new Error(`${surplus.length + 1} certificates`)
  return certificate
}

/** Enrols with the login password. */
export async function enrolled(world: EstWorld, loginId: string, key = newKey()) {
  const answer = await ask(world, {
    operation: 'simpleenroll',
    body: requestFor(key),
    basic: `${loginId}:sekisho-demo`,
  })
  return { certificate: certificateOf(answer), key }
}

/** The identity of a certificate of the issuing CA here. */
export function keyOf(certificate: X509Certificate): CertificateKey {
  return certificateKey(issuingCa.issuerId, certificate.serialNumber.toLowerCase().replace(/^0+/, ''))
}
