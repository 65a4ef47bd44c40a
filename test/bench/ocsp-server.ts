/**
 * The OCSP responder behind the publication's own HTTP server, in a process of its own with one CPU. Says where it listens and what to
 * ask; to the message `call` it answers with what calling the responder costs without HTTP.
 */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { systemClock } from '../../src/base/clock.ts'
import { OcspResponder } from '../../src/publication/ocsp-responder.ts'
import type { SerialAnswer } from '../../src/publication/ports.ts'
import { startPublicationServer } from '../../src/publication/publication-server.ts'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { createFreshness, Freshness } from '../../src/trust/freshness.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { buildOcspRequest } from '../../src/x509/ocsp/build-request.ts'
import { certIdOf } from '../../src/x509/ocsp/cert-id.ts'
import { readOcspResponse } from '../../src/x509/ocsp/read-response.ts'
import { createTestCa } from '../helpers/test-ca.ts'

export type OcspServerSettings = { readonly folder: string; readonly port: number; readonly certificates: number }

/** What to ask it: bodies of POST requests as files, and the path of a GET; all about the same certificate. */
export type OcspPlaces = { readonly plainFile: string; readonly nonceFile: string; readonly getPath: string }

/** Time of one answer, the requests one after the other. Unit: microseconds. */
export type OcspCalls = {
  /** Signed for the first time, the directory asked. */
  readonly first: number
  /** The same certificates again. */
  readonly cached: number
  readonly nonce: number
  /** Memory by which the process has grown for each answer that is kept. Unit: bytes. */
  readonly keptBytes: number
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const nonceCallsMax = 20_000
/** With certificates that are not counted. */
const warmUpCalls = 2_000
const settings = JSON.parse(process.argv[2] ?? '{}') as OcspServerSettings

const root = createTestCa({ commonName: 'OCSP Bench Root' })
const ca = root.childCa({ commonName: 'OCSP Bench Issuing' })
const { certificatePem, parentPems } = ca
const issuer = readIssuingCa({ name: 'users', certificatePem, chainPems: parentPems }, systemClock.nowMs())
const index = new RevocationIndexWriter()
const rules = { clock: systemClock, maxStalenessSeconds: 3_600, insecureServeWhenStale: false }
const freshness = new Freshness(createFreshness(), rules)
freshness.heard()

const serials = Array.from({ length: settings.certificates }, () => `1${randomBytes(15).toString('hex')}`)
// As many others are revoked, so that the index is looked through as in earnest; and a rule has to be looked at.
for (let count = 0; count < settings.certificates; count++) {
  index.add(fingerprintOf('revoked', certificateKey(ca.issuerId, randomBytes(16).toString('hex'))))
}
index.setRule('rule', { by: 'issuer', issuerId: ca.issuerId, notBeforeMinMs: 0, notBeforeMaxMs: 1_000, version: 1 })
const answer: SerialAnswer = { recorded: true, loginId: 'user01', notBeforeMs: systemClock.nowMs() }

const responder = new OcspResponder({
  config: {
    publication: {
      baseUrl: undefined,
      crl: { validitySeconds: 86_400, deltaBaseSeconds: 3_600, settleMs: 200, maxAgeSeconds: 30 },
      ocsp: {
        validitySeconds: 3_600,
        maxAgeSeconds: 30,
        responderDays: 7,
        certificatesMax: 20,
        requestBytesMax: 16_384,
        cacheEntriesMax: settings.certificates + warmUpCalls,
        lookUpsMax: 64,
      },
      requestsAtOnceMax: 1_024,
    },
  },
  issuer,
  signer: createFileSigner({ keyPem: ca.keyPem, keyPassword: undefined }),
  index,
  freshness,
  entries: { find: () => undefined },
  lookUp: async () => answer,
  issued: () => {},
  counted: () => {},
  clock: systemClock,
  log: { info: () => {}, warn: console.error, error: console.error },
})

function requestFor(serial: string, nonce?: Uint8Array): Buffer {
  return Buffer.from(buildOcspRequest({ certIds: [certIdOf(issuer, serial, 'sha1')], nonce }))
}

/** Memory of buffers is given back in a later turn than their objects. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    collect()
    await nextTurn()
  }
}

/** Mean time of an answer to each of these requests. Throws unless all of them are good. Unit: microseconds. */
async function timeCalls(requests: readonly Buffer[]): Promise<number> {
  const startMs = systemClock.monotonicMs()
  let last: Awaited<ReturnType<OcspResponder['answer']>>
  let answered = 0
  for (const request of requests) {
    last = await responder.answer({
      method: 'POST',
      path: '/ocsp',
      header: () => undefined,
      body: async () => request,
    })
    if (last?.status === 200 && last.body.length > 0) answered++
  }
  const tookMs = systemClock.monotonicMs() - startMs
  const response = readOcspResponse(Buffer.concat(last?.body ?? []))
  const isGood = response.status === 'successful' && response.basic.answers[0]?.status === 'good'
  if (answered !== requests.length || !isGood) throw new Error('Cannot count answers that say something else than good')
  return (tookMs * 1_000) / requests.length
}

async function measureCalls(): Promise<OcspCalls> {
  const requests = serials.map((serial) => requestFor(serial))
  const nonces = serials.slice(0, nonceCallsMax).map((serial) => requestFor(serial, randomBytes(32)))
  // The code is compiled before anything is timed.
  await timeCalls(Array.from({ length: warmUpCalls - 1 }, () => requestFor(randomBytes(15).toString('hex'))))
  await settle()
  const before = process.memoryUsage()
  const first = await timeCalls(requests)
  await settle()
  const after = process.memoryUsage()
  const grown = after.heapUsed + after.external - before.heapUsed - before.external
  await timeCalls(requests.slice(0, warmUpCalls))
  const cached = await timeCalls(requests)
  return { first, cached, nonce: await timeCalls(nonces), keptBytes: grown / requests.length }
}

process.on('disconnect', () => process.exit(0))
await responder.start()
const { folder, port } = settings
await startPublicationServer({
  socketPath: join(folder, 'ocsp.sock'),
  handles: [{ host: '127.0.0.1', port }],
  publications: [responder],
  requestsAtOnceMax: 1_024,
  log: { error: console.error },
})
const asked = serials[0] as string
const places: OcspPlaces = {
  plainFile: join(folder, 'ocsp-plain.der'),
  nonceFile: join(folder, 'ocsp-nonce.der'),
  getPath: `/ocsp/${encodeURIComponent(requestFor(asked).toString('base64'))}`,
}
writeFileSync(places.plainFile, requestFor(asked))
writeFileSync(places.nonceFile, requestFor(asked, randomBytes(32)))
process.on('message', (message) => {
  if (message === 'call') void measureCalls().then((calls) => process.send?.(calls))
})
process.send?.(places)
