import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { GatewayError } from '../../src/base/errors.ts'
import { OcspResponder, type OcspResponderOptions } from '../../src/publication/ocsp-responder.ts'
import type { PublicationAnswer, PublicationRequest, SerialAnswer } from '../../src/publication/ports.ts'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { createFreshness, Freshness } from '../../src/trust/freshness.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { type CertificateKey, certificateKey } from '../../src/x509/certificate-key.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { buildOcspRequest } from '../../src/x509/ocsp/build-request.ts'
import { certIdOf } from '../../src/x509/ocsp/cert-id.ts'
import { type OcspResponse, readOcspResponse } from '../../src/x509/ocsp/read-response.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { run } from '../helpers/openssl-client.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'

/** What the responder's settings are unless told otherwise. */
export const ocspSettings = {
  validitySeconds: 300,
  maxAgeSeconds: 30,
  responderDays: 7,
  certificatesMax: 20,
  requestBytesMax: 16_384,
  cacheEntriesMax: 100,
  lookUpsMax: 64,
}

/** The part of the configuration that the responder reads. */
export function ocspConfig(changes: Partial<typeof ocspSettings> = {}): OcspResponderOptions['config'] {
  const crl = { validitySeconds: 86_400, deltaBaseSeconds: 3_600, settleMs: 200, maxAgeSeconds: 30 }
  const ocsp = { ...ocspSettings, ...changes }
  return { publication: { baseUrl: undefined, crl, ocsp, requestsAtOnceMax: 1_024 } }
}

/** A root, an issuing CA below it, an index, a directory, and a responder that has not been started. */
export class OcspSetting {
  readonly clock: FakeClock
  readonly root = createTestCa({ commonName: 'OCSP Root' })
  readonly ca = this.root.childCa({ commonName: 'OCSP Issuing' })
  readonly index = new RevocationIndexWriter()
  readonly freshness: Freshness
  readonly entries = new Map<string, { revokedAtMs: number; reasonCode: number }>()
  /** By serial number: what the directory says; `unavailable` for all while it is away. */
  readonly directory = new Map<string, SerialAnswer>()
  directoryAway = false
  lookUps: CertificateKey[] = []
  readonly issued: { serial: string; notAfterMs: number }[] = []
  readonly counts: Record<string, number> = {}
  readonly warnings: unknown[] = []
  /** Set to have the signer refuse. */
  signerAway = false
  /** How often the signer was asked. */
  signings = 0
  readonly issuer
  readonly responder: OcspResponder
  readonly options: OcspResponderOptions

  constructor(nowMs: number, changes: Partial<typeof ocspSettings> = {}) {
    this.clock = new FakeClock(nowMs)
    const { ca, root, clock, index } = this
    this.freshness = new Freshness(createFreshness(), {
      clock,
      maxStalenessSeconds: 300,
      insecureServeWhenStale: false,
    })
    this.freshness.heard()
    const certificatePem = ca.certificatePem
    this.issuer = readIssuingCa({ name: 'users', certificatePem, chainPems: [root.certificatePem] }, nowMs)
    const signer = createFileSigner({ keyPem: ca.keyPem, keyPassword: undefined })
    const note = (message: string, fields?: unknown) => void this.warnings.push({ message, ...(fields as object) })
    this.options = {
      config: ocspConfig(changes),
      issuer: this.issuer,
      signer: { ...signer, sign: (tbs) => this.#sign(signer.sign, tbs) },
      index,
      freshness: this.freshness,
      entries: { find: (serial) => this.entries.get(serial) },
      lookUp: (key) => this.#lookUp(key),
      issued: (serial, notAfterMs) => void this.issued.push({ serial, notAfterMs }),
      counted: (kind) => {
        this.counts[kind] = (this.counts[kind] ?? 0) + 1
      },
      clock,
      log: { info: () => {}, warn: note, error: note },
    }
    this.responder = new OcspResponder(this.options)
  }

  #sign(sign: (tbs: Uint8Array) => Promise<Uint8Array>, tbs: Uint8Array): Promise<Uint8Array> {
    this.signings++
    if (!this.signerAway) return sign(tbs)
    return Promise.reject(new GatewayError('signer_unavailable', 'Cannot sign as the token is away'))
  }

  async #lookUp(key: CertificateKey): Promise<SerialAnswer> {
    this.lookUps.push(key)
    if (this.directoryAway) return 'unavailable'
    return this.directory.get(key) ?? { recorded: false, passes: false }
  }

  keyOf(serial: string): CertificateKey {
    return certificateKey(this.ca.issuerId, serial)
  }

  /** Issues a certificate and records it for this login ID. */
  record(loginId: string, notBeforeMs = this.clock.nowMs() - 3_600_000): TestCertificate {
    const certificate = this.ca.issueClient({ commonName: loginId, notBeforeMs })
    this.directory.set(this.keyOf(certificate.serial), { recorded: true, loginId, notBeforeMs })
    return certificate
  }

  revoke(serial: string, entry?: { revokedAtMs: number; reasonCode: number }): void {
    this.index.add(fingerprintOf('revoked', this.keyOf(serial)))
    if (entry !== undefined) this.entries.set(serial, entry)
  }

  restore(serial: string): void {
    this.index.remove(fingerprintOf('revoked', this.keyOf(serial)))
    this.entries.delete(serial)
  }

  /** DER of a request about certificates of the issuing CA. */
  ask(serials: readonly string[], nonce?: Uint8Array): Uint8Array {
    return buildOcspRequest({ certIds: serials.map((serial) => certIdOf(this.issuer, serial, 'sha1')), nonce })
  }

  /** Answer of the responder to these bytes, without HTTP. */
  async post(body: Uint8Array): Promise<PublicationAnswer> {
    const answer = await this.responder.answer(postOf(body))
    if (answer === undefined) throw new Error('The responder does not want the request')
    return answer
  }

  /** What is said of one certificate: its status, or how the request failed. */
  async statusOf(serial: string, nonce?: Uint8Array): Promise<string> {
    return statusIn(await this.post(this.ask([serial], nonce)))
  }
}

/** A POST with this body, as the HTTP server would hand it on. */
export function postOf(body: Uint8Array): PublicationRequest {
  return {
    method: 'POST',
    path: '/ocsp',
    header: () => undefined,
    body: async (bytesMax) => {
      if (body.length > bytesMax) throw new GatewayError('body_too_large', 'Cannot take the body')
      return Buffer.from(body)
    },
  }
}

/** A GET of this path. */
export function getOf(path: string, headers: Readonly<Record<string, string>> = {}): PublicationRequest {
  return { method: 'GET', path, header: (name) => headers[name], body: () => Promise.reject(new Error('GET')) }
}

/** The OCSP response in an HTTP answer. */
export function responseIn(answer: PublicationAnswer): OcspResponse {
  return readOcspResponse(Buffer.concat(answer.body))
}

/** The status of the first certificate, or how the request failed. */
export function statusIn(answer: PublicationAnswer): string {
  const response = responseIn(answer)
  return response.status === 'successful' ? (response.basic.answers[0]?.status ?? 'nothing') : response.status
}

/** Puts the responder behind a plain HTTP server; resolves with its port. */
export async function serve(responder: OcspResponder, t: { teardown: (end: () => void) => unknown }): Promise<number> {
  const server = createServer(async (incoming, outgoing) => {
    const answer = await responder.answer({
      method: incoming.method === 'POST' ? 'POST' : 'GET',
      path: (incoming.url ?? '/').replace(/\?.*/, ''),
      header: (name) => incoming.headers[name]?.toString(),
      body: async (bytesMax) => {
        const chunks: Buffer[] = []
        let bytes = 0
        for await (const chunk of incoming as AsyncIterable<Buffer>) {
          chunks.push(chunk)
          bytes += chunk.length
          if (bytes > bytesMax) throw new GatewayError('body_too_large', 'Cannot take the body')
        }
        return Buffer.concat(chunks)
      },
    })
    if (answer === undefined) {
      outgoing.writeHead(404).end()
      return
    }
    outgoing.writeHead(answer.status, [
      ...answer.headers.flat(),
      ...['content-type', answer.contentType, 'content-length', `${Buffer.concat(answer.body).length}`],
    ])
    for (const part of answer.body) outgoing.write(part)
    outgoing.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Asks with `openssl ocsp`, which verifies the response up to the root. */
export async function askWithOpenssl(
  setting: OcspSetting,
  job: {
    port: number
    folder: string
    certificatePem: string
    issuerPem?: string
    hash?: '-sha1' | '-sha256'
    more?: readonly string[]
  },
): Promise<{ text: string; code: number | null }> {
  const { folder, port, certificatePem, hash = '-sha1', more = [] } = job
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const { stdout, stderr, code } = await run('openssl', [
    'ocsp',
    ...[hash, '-issuer', file('issuer.pem', job.issuerPem ?? setting.ca.certificatePem)],
    ...['-cert', file('user.pem', certificatePem), '-CAfile', file('root.pem', setting.root.certificatePem)],
    ...['-verify_other', file('other.pem', setting.ca.certificatePem)],
    ...['-url', `http://127.0.0.1:${port}/ocsp`, '-text', ...more],
  ])
  return { text: `${stdout}${stderr}`, code }
}
