/**
 * A control thread that feeds a publication thread from an embedded store, in a process of its own: seeds the store, publishes, revokes
 * one certificate after the other, and sends to its parent what that took. It serves on until its parent ends.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import { systemClock } from '../../src/base/clock.ts'
import type { GatewayConfig } from '../../src/config/gateway-config.ts'
import type { TrustEvent } from '../../src/control-path/ports.ts'
import type { LogPosition } from '../../src/control-path/store-port.ts'
import type { ThreadMessage } from '../../src/publication/ports.ts'
import { PublicationFeed } from '../../src/publication/publication-feed.ts'
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import type { PublicationWorkerData } from './publication-worker.ts'

export type PublicationSettings = {
  readonly folder: string
  readonly port: number
  readonly entries: number
  readonly rounds: number
}

/** Times in milliseconds, memory in bytes. */
export type PublicationFigures = {
  /** From the start of the feed until the first list is served. */
  readonly load: number
  /** Building, signing and verifying both lists, in the thread. */
  readonly sign: readonly number[]
  /** From a revocation in the store until the list that has it is served. */
  readonly change: readonly number[]
  /** Longest block of the control thread's event loop while entries are loaded, and while changes are signed. */
  readonly loadBlock: number
  readonly changeBlock: number
  /** The most the process had above what it had before the thread, and what it has at the end. */
  readonly most: number
  readonly kept: number
  /** Of the complete list. */
  readonly bytes: number
}

const batch = 2_000
const operator = { name: 'bench', role: 'security', requestId: 'bench' }
const settings = JSON.parse(process.argv[2] ?? '{}') as PublicationSettings
const { folder, port, entries, rounds } = settings

const ca = createTestCa({ commonName: 'Publication Bench' })
const store = await EmbeddedStore.open(join(folder, 'publication.db'), { clock: systemClock })
const requestOf = () => ({
  key: certificateKey(ca.issuerId, `1${randomBytes(15).toString('hex')}`),
  loginId: undefined,
  reason: 'keyCompromise' as const,
  comment: '',
})
for (let left = entries; left > 0; left -= batch) {
  await store.publish(Array.from({ length: Math.min(batch, left) }, requestOf), operator)
}

const config = {
  issuers: [{ name: 'bench', certificatePem: ca.certificatePem, chainPems: [] }],
  issuing: { issuer: 'bench' },
  certificates: { mustBeRegistered: false },
  publication: {
    baseUrl: 'https://bank.example',
    crl: { validitySeconds: 86_400, deltaBaseSeconds: 3_600, settleMs: 200, maxAgeSeconds: 30 },
    requestsAtOnceMax: 1_024,
  },
  // Only what publications of lists look at.
} as unknown as GatewayConfig

let listener: (events: readonly TrustEvent[]) => void = () => {}
let position: LogPosition = await store.position()
const signed: Extract<ThreadMessage, { type: 'signed' }>[] = []
let news = Promise.withResolvers<void>()

function residentMemory(): { now: number; most: number } {
  const status = readFileSync('/proc/self/status', 'latin1')
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1_024
  return { now: read('VmRSS'), most: read('VmHWM') }
}

async function signedWith(count: number): Promise<void> {
  while (signed.at(-1)?.entries !== count) {
    await news.promise
    news = Promise.withResolvers()
  }
}

const blocks = monitorEventLoopDelay({ resolution: 1 })
// The kernel begins anew to note the most (proc(5), clear_refs).
writeFileSync('/proc/self/clear_refs', '5')
const before = residentMemory()
const data: PublicationWorkerData = { config, keyPem: ca.keyPem, socketPath: join(folder, 'publication.sock'), port }
const worker = new Worker(new URL('./publication-worker.ts', import.meta.url), { workerData: data })
const feed = new PublicationFeed(
  {
    config: () => config,
    store,
    values: store,
    index: new RevocationIndexWriter(),
    follower: {
      caughtUp: async () => {},
      onTaken: (taken) => {
        listener = taken
        return () => {}
      },
    },
    audit: () => {},
    log: { info: () => {}, warn: console.error, error: console.error },
    clock: systemClock,
    observer: { crlSigned: () => {}, crlSignFailed: () => {}, publicationAnswers: () => {} },
  },
  (message) => worker.postMessage(message),
)
const listening = Promise.withResolvers<void>()
worker.on('message', (message: ThreadMessage) => {
  if (message.type === 'listening') listening.resolve()
  feed.take(message)
  if (message.type !== 'signed') return
  signed.push(message)
  news.resolve()
})
await listening.promise
blocks.enable()
const startMs = systemClock.monotonicMs()
feed.start()
await signedWith(entries)
const load = systemClock.monotonicMs() - startMs
const loadBlock = blocks.max / 1e6
const change: number[] = []
blocks.reset()
for (let round = 1; round <= rounds; round++) {
  const changeMs = systemClock.monotonicMs()
  await store.publish([requestOf()], operator)
  const page = await store.eventsSince(position, 100)
  position = page.end
  listener(page.events)
  await signedWith(entries + round)
  change.push(systemClock.monotonicMs() - changeMs)
}
blocks.disable()
const after = residentMemory()
const figures: PublicationFigures = {
  load,
  sign: signed.map(({ durationMs }) => durationMs),
  change,
  loadBlock,
  changeBlock: blocks.max / 1e6,
  most: after.most - before.now,
  kept: after.now - before.now,
  bytes: signed.at(-1)?.bytes ?? 0,
}
process.on('disconnect', () => process.exit(0))
process.send?.(figures)
