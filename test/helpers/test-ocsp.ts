import { type KeyObject, sign } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../src/base/clock.ts'
import { DerReader, tags } from '../../src/x509/der-reader.ts'
import { derBitString, derElement, derOid, derSequence, derText } from '../../src/x509/der-writer.ts'
import { type EncodedExtension, encodeExtension } from '../../src/x509/encode-extensions.ts'
import { type IssuingCa, readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { type CertId, encodeCertId, publicKeyHash, readCertId } from '../../src/x509/ocsp/cert-id.ts'
import { oids } from '../../src/x509/oids.ts'
import { readCertificate } from '../../src/x509/read-certificate.ts'
import {
  digestOf,
  encodeSigningAlgorithm,
  type SigningHash,
  signingAlgorithmOf,
} from '../../src/x509/signing-algorithm.ts'
import type { TestCa, TestCertificate } from './test-ca.ts'

/** OCSP responses for tests, right ones and wrong ones, written apart from the product's own responder; and a server that gives them. */

/** Signs responses: a CA, or a certificate it issued. */
export type ResponderKey = {
  readonly privateKey: KeyObject
  /** DER of its certificate. */
  readonly der: Uint8Array
}

export type AnswerOptions = {
  readonly certId: CertId
  /** Default good. */
  readonly status?: 'good' | 'revoked' | 'unknown'
  /** Of `revoked`. Default: an hour ago. */
  readonly revokedAtMs?: number
  /** Of `revoked`; undefined writes none. */
  readonly reasonCode?: number
  /** Default: a minute ago. */
  readonly thisUpdateMs?: number
  /** Default: in ten minutes; null writes none. */
  readonly nextUpdateMs?: number | null
  readonly extensions?: readonly EncodedExtension[]
}

export type ResponseOptions = {
  readonly signer: ResponderKey
  readonly answers: readonly AnswerOptions[]
  /** Default key. */
  readonly responderId?: 'name' | 'key'
  /** Whose ID is written, where it is not the signer's. */
  readonly claimedSigner?: ResponderKey
  readonly nonce?: Uint8Array | undefined
  readonly extensions?: readonly EncodedExtension[]
  /** DER. Default: the signer's. */
  readonly certificates?: readonly Uint8Array[]
  readonly hash?: SigningHash
  readonly producedAtMs?: number
}

/** DER of an OCSPResponse. */
export function ocspResponse(options: ResponseOptions): Uint8Array {
  const { signer, answers, certificates = [signer.der] } = options
  const nowMs = systemClock.nowMs()
  const nonce = options.nonce === undefined ? [] : [nonceExtension(options.nonce)]
  const extensions = [...nonce, ...(options.extensions ?? [])]
  const data = derSequence(
    responderIdOf(options.claimedSigner ?? signer, options.responderId ?? 'key'),
    generalizedTime(options.producedAtMs ?? nowMs),
    derSequence(...answers.map((answer) => encodeAnswer(answer, nowMs))),
    ...explicitExtensions(extensions),
  )
  const algorithm = signingAlgorithmOf(signer.privateKey, options.hash)
  const signature = sign(digestOf(algorithm), data, signer.privateKey)
  const list = certificates.length === 0 ? [] : [derElement(0xa0, derSequence(...certificates))]
  const basic = derSequence(data, encodeSigningAlgorithm(algorithm), derBitString(signature), ...list)
  return wrapBasic(basic)
}

/** DER of an OCSPResponse around a BasicOCSPResponse, or around anything of another type. */
export function wrapBasic(basic: Uint8Array, type: string = oids.ocspBasic): Uint8Array {
  const bytes = derSequence(derOid(type), derElement(tags.octetString, basic))
  return new Uint8Array(derSequence(derElement(0x0a, Uint8Array.of(0)), derElement(0xa0, bytes)))
}

/** DER of an OCSPResponse with only a status. */
export function ocspFailureStatus(status: number): Uint8Array {
  return new Uint8Array(derSequence(derElement(0x0a, Uint8Array.of(status))))
}

function encodeAnswer(answer: AnswerOptions, nowMs: number): Uint8Array {
  const { nextUpdateMs = nowMs + 600_000 } = answer
  return derSequence(
    encodeCertId(answer.certId),
    encodeStatus(answer, nowMs),
    generalizedTime(answer.thisUpdateMs ?? nowMs - 60_000),
    ...(nextUpdateMs === null ? [] : [derElement(0xa0, generalizedTime(nextUpdateMs))]),
    ...explicitExtensions(answer.extensions ?? []),
  )
}

function encodeStatus(answer: AnswerOptions, nowMs: number): Uint8Array {
  const { status = 'good', reasonCode } = answer
  if (status !== 'revoked') return Uint8Array.of(status === 'good' ? 0x80 : 0x82, 0)
  const reason = reasonCode === undefined ? [] : [derElement(0xa0, derElement(0x0a, Uint8Array.of(reasonCode)))]
  return derElement(0xa1, generalizedTime(answer.revokedAtMs ?? nowMs - 3_600_000), ...reason)
}

function responderIdOf({ der }: ResponderKey, by: 'name' | 'key'): Uint8Array {
  const { subjectNameDer, publicKeyDer } = readCertificate(der)
  if (by === 'name') return derElement(0xa1, subjectNameDer)
  return derElement(0xa2, derElement(tags.octetString, publicKeyHash(publicKeyDer, 'sha1')))
}

function explicitExtensions(extensions: readonly EncodedExtension[]): Uint8Array[] {
  return extensions.length === 0 ? [] : [derElement(0xa1, derSequence(...extensions.map(encodeExtension)))]
}

function nonceExtension(nonce: Uint8Array): EncodedExtension {
  return { oid: oids.ocspNonce, critical: false, valueDer: derElement(tags.octetString, nonce) }
}

/** GeneralizedTime in whole seconds. */
export function generalizedTime(timeMs: number): Uint8Array {
  const digits = new Date(timeMs).toISOString().slice(0, 19)
  return derText(tags.generalizedTime, `${digits.replace(/[-:T]/g, '')}Z`)
}

/** A CA as configuration has it. */
export function issuingCaOf(ca: TestCa, name = 'bank'): IssuingCa {
  return readIssuingCa({ name, certificatePem: ca.certificatePem, chainPems: [...ca.parentPems] }, systemClock.nowMs())
}

/** A certificate for signing responses, issued by this CA. */
export function delegate(ca: TestCa, options: Partial<Parameters<TestCa['issueClient']>[0]> = {}): TestCertificate {
  return ca.issueClient({ commonName: 'Responder', extendedKeyUsage: [oids.ocspSigning], ...options })
}

/** What of a question the test responder looks at. */
export type ReceivedQuestion = {
  readonly certId: CertId
  readonly nonce: Uint8Array | undefined
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

export type TestResponder = {
  readonly url: string
  /** Serial numbers asked about, in order. */
  readonly asked: string[]
  /** Answers from the next question on: DER, or undefined to leave the question open (or to write to `response` itself). */
  answer: (question: ReceivedQuestion) => Uint8Array | undefined
  /** Resolves when so many questions have come in all. */
  questions(count: number): Promise<void>
  close(): Promise<void>
}

/** A responder on a free port that says what the test wants. */
export async function startTestResponder(answer: TestResponder['answer']): Promise<TestResponder> {
  const waiting: { count: number; resolve: () => void }[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const question = readQuestion(Buffer.concat(parts))
      responder.asked.push(question.certId.serial)
      for (const { count, resolve } of waiting) if (responder.asked.length >= count) resolve()
      const body = responder.answer({ ...question, request, response })
      if (body !== undefined) response.setHeader('content-type', 'application/ocsp-response').end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const responder: TestResponder = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/ocsp`,
    asked: [],
    answer,
    questions: (count) =>
      new Promise((resolve) => {
        if (responder.asked.length >= count) resolve()
        else waiting.push({ count, resolve })
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return responder
}

/** OCSPRequest (RFC 6960 4.1.1) with one certificate. */
export function readQuestion(der: Uint8Array): Pick<ReceivedQuestion, 'certId' | 'nonce'> {
  const file = new DerReader(der)
  const request = file.enter(tags.sequence)
  file.finish()
  const fields = request.enter(tags.sequence)
  request.finish()
  const certId = readCertId(fields.enter(tags.sequence).enter(tags.sequence))
  const explicit = fields.optional(0xa2)
  if (explicit === undefined) return { certId, nonce: undefined }
  const extension = fields.inside(explicit).enter(tags.sequence).enter(tags.sequence)
  extension.read(tags.oid)
  const value = extension.enter(tags.octetString)
  return { certId, nonce: value.contents(value.read(tags.octetString)) }
}
