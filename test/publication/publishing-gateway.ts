// What the issuing CA of a gateway publishes, over a real store and follower: feed and thread are the real ones, with a real message
// channel between them, but in one thread, so that a test can reach into both.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import type { Test } from 'tap'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import type { GatewayConfig } from '../../src/config/gateway-config.ts'
import type { ControlAuditEvent } from '../../src/control-path/ports.ts'
import type { CrlRecord, PublicationObserver, PublicationPorts, ThreadMessage } from '../../src/publication/ports.ts'
import { PublicationFeed } from '../../src/publication/publication-feed.ts'
import { PublicationThread } from '../../src/publication/publication-thread.ts'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { addressOf, bindSocket } from '../../src/supervise/socket-handle.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import type { Signer } from '../../src/x509/signing-algorithm.ts'
import type { FakeGateway } from '../control-path/fake-gateway.ts'
import { eventually } from '../helpers/eventually.ts'
import { run } from '../helpers/openssl-client.ts'
import type { TestCa } from '../helpers/test-ca.ts'

export const issuerName = 'bank-ca'
export const crlPath = `/pki/${issuerName}.crl`
export const deltaPath = `/pki/${issuerName}-delta.crl`

export type PublishingOptions = {
  readonly ca: TestCa
  readonly clock?: Clock
  readonly signer?: Signer
  readonly store?: PublicationPorts['store']
  readonly values?: PublicationPorts['values']
  readonly crl?: Partial<NonNullable<GatewayConfig['publication']>['crl']>
  readonly requestsAtOnceMax?: number
}

type Signed = Extract<ThreadMessage, { type: 'signed' }>
export type Publishing = Awaited<ReturnType<typeof startPublishing>>

/** Starts both sides; they end with the test. */
export async function startPublishing(t: Test, gateway: FakeGateway, options: PublishingOptions) {
  const { ca, clock = systemClock } = options
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-publish-'))
  const config = configOf(options)
  const { port1, port2 } = new MessageChannel()
  const lines: string[] = []
  const line = (message: string) => void lines.push(message)
  const log = { info: line, warn: line, error: line }
  const thread = new PublicationThread({
    port: port2,
    issuer: readIssuingCa(config.issuers[0] as GatewayConfig['issuers'][number], systemClock.nowMs()),
    signer: options.signer ?? createFileSigner({ keyPem: ca.keyPem, keyPassword: undefined }),
    ...{ config, clock, log },
  })
  const audited: ControlAuditEvent[] = []
  const counts: Parameters<PublicationObserver['publicationAnswers']>[0][] = []
  const failed: string[] = []
  const feed = new PublicationFeed(
    {
      config: () => config,
      store: options.store ?? gateway.store,
      values: options.values ?? gateway.store,
      index: gateway.index,
      follower: gateway.follower,
      audit: (event) => void audited.push(event),
      observer: {
        crlSigned: () => {},
        crlSignFailed: (issuer) => void failed.push(issuer),
        publicationAnswers: (counted) => void counts.push(counted),
      },
      ...{ clock, log },
    },
    (message) => port1.postMessage(message),
    { lookEveryMs: 20 },
  )
  const signed: Signed[] = []
  port1.on('message', (message: ThreadMessage) => {
    if (message.type === 'signed') signed.push(message)
    feed.take(message)
  })
  const handle = bindSocket({ host: '127.0.0.1', port: 0 })
  const socketPath = join(folder, 'publication.sock')
  await thread.serve({ socketPath, handles: [handle], publications: [] })
  const url = `http://127.0.0.1:${addressOf(handle).port}`
  feed.start()
  let ended = false
  const end = async () => {
    if (ended) return
    ended = true
    feed.close()
    await thread.close()
    port1.close()
    rmSync(folder, { recursive: true, force: true })
  }
  t.teardown(end)
  const parts = { folder, config, thread, feed, lines, audited, counts, failed, signed, socketPath, url, end }
  return { ...parts, ca, record: () => signed.at(-1)?.record }
}

/** Resolves with the last list that was signed, once that has as many entries. */
export async function signedWith(publishing: Publishing, entries: number): Promise<CrlRecord> {
  const last = await eventually(
    () => publishing.signed.at(-1),
    (message) => message?.entries === entries,
    20_000,
  )
  return (last as Signed).record
}

export type ReadList = {
  readonly number: number
  readonly base: number | undefined
  /** `serial reason` of each entry, sorted; upper case, as OpenSSL writes them. */
  readonly entries: readonly string[]
  readonly isGood: boolean
}

/** Fetches a list with curl, and reads and verifies it with openssl. */
export async function fetchList({ url, folder, ca }: Publishing, path = crlPath): Promise<ReadList> {
  writeFileSync(join(folder, 'ca.pem'), ca.certificatePem)
  const file = join(folder, 'fetched.crl')
  const { code } = await run('curl', ['--silent', '--fail', '--max-time', '20', '--output', file, `${url}${path}`])
  if (code !== 0) throw new Error(`curl ended with ${code}`)
  const args = ['crl', '-inform', 'der', '-in', file, '-noout', '-text', '-CAfile', join(folder, 'ca.pem')]
  const { stdout, stderr } = await run('openssl', args)
  const text = stdout.toString()
  const base = /Delta CRL Indicator: critical\s+(\d+)/.exec(text)?.[1]
  const entries = text.split('Serial Number: ').slice(1)
  return {
    number: Number(/X509v3 CRL Number:\s+(\d+)/.exec(text)?.[1]),
    base: base === undefined ? undefined : Number(base),
    entries: entries
      .map((entry) => {
        const reason = /CRL Reason Code:\s+(.+)/.exec(entry.split('Signature Algorithm')[0] ?? '')?.[1] ?? 'Unspecified'
        return `${/^0*([0-9A-F]+)/.exec(entry)?.[1]} ${reason}`
      })
      .toSorted(),
    isGood: stderr.toString().includes('verify OK'),
  }
}

function configOf({ ca, crl = {}, requestsAtOnceMax = 100 }: PublishingOptions): GatewayConfig {
  const config: Pick<GatewayConfig, 'issuers' | 'publication'> = {
    issuers: [{ name: issuerName, certificatePem: ca.certificatePem, chainPems: ca.parentPems }],
    publication: {
      baseUrl: 'https://bank.example',
      crl: { validitySeconds: 86_400, deltaBaseSeconds: 3_600, settleMs: 10, maxAgeSeconds: 30, ...crl },
      ocsp: {
        validitySeconds: 300,
        maxAgeSeconds: 30,
        responderDays: 7,
        certificatesMax: 20,
        requestBytesMax: 16_384,
        cacheEntriesMax: 1_000,
        lookUpsMax: 64,
      },
      requestsAtOnceMax,
    },
  }
  // Only what publications look at.
  return { ...config, issuing: { issuer: issuerName }, certificates: { mustBeRegistered: false } } as GatewayConfig
}
