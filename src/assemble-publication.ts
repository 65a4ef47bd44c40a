import { Worker } from 'node:worker_threads'
import type { ConfigInForce } from './assemble-reload.ts'
import { createSocketPlace, ownUpstream, type SocketPlace } from './assemble-sockets.ts'
import type { OpenedStore } from './assemble-store.ts'
import { systemClock } from './base/clock.ts'
import { moduleUrl } from './base/module-url.ts'
import type { GatewayConfig, RouteConfig } from './config/gateway-config.ts'
import type { Follower } from './control-path/follow.ts'
import type { PublicationObserver, PublicationPorts, PublicationStart, ThreadMessage } from './publication/ports.ts'
import { PublicationFeed } from './publication/publication-feed.ts'
import type { SocketSource } from './supervise/socket-source.ts'
import type { SharedFreshness } from './trust/freshness.ts'
import type { RevocationIndex } from './trust/revocation-index.ts'

/** Name of the upstream in metrics and logs; no configuration may use it, nor the names of its routes. */
const publicationName = 'publication'
const restartMs = 1_000
const secondMs = 1_000

/** Where the publication thread answers the gateway's workers. */
export type PublicationPlace = SocketPlace & {
  /** The configuration with routes to it, if the issuing CA publishes and there is a public door. */
  extend(config: GatewayConfig): GatewayConfig
}

/** Chooses the place. Nothing is made yet. */
export function createPublicationPlace({ stateFolder }: Pick<GatewayConfig, 'stateFolder'>): PublicationPlace {
  const place = createSocketPlace(stateFolder, publicationName)
  return { ...place, extend: (config) => withPublication(config, place.socketPath) }
}

function withPublication(config: GatewayConfig, socketPath: string): GatewayConfig {
  const { publication, doors, limits } = config
  if (publication === undefined || doors.public === undefined) return config
  const { requestsAtOnceMax, ocsp } = publication
  const route = (name: string, methods: readonly string[]): RouteConfig => ({
    name,
    doors: [doors.public?.name ?? ''],
    hosts: [],
    pathPrefix: `/${name}`,
    upstream: publicationName,
    certificate: 'asDoor',
    methods,
    webSocket: false,
    bodyBytesMax: ocsp.requestBytesMax,
    bodyIdleTimeoutMs: limits.bodyIdleTimeoutMs,
    upstreamResponseTimeoutMs: 30 * secondMs,
    webSocketIdleTimeoutMs: limits.webSocketIdleTimeoutMs,
  })
  return {
    ...config,
    upstreams: [...config.upstreams, ownUpstream(publicationName, socketPath, requestsAtOnceMax)],
    routes: [...config.routes, route('pki', ['GET', 'HEAD']), route('ocsp', ['GET', 'HEAD', 'POST'])],
  }
}

export type PublicationParts = Pick<PublicationPorts, 'audit' | 'log'> & {
  readonly inForce: ConfigInForce
  readonly place: PublicationPlace
  readonly opened: OpenedStore
  readonly follower: Pick<Follower, 'caughtUp' | 'onTaken'>
  readonly index: RevocationIndex
  readonly freshness: SharedFreshness
  readonly sockets: SocketSource
  readonly observer: PublicationObserver
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Starts what the issuing CA publishes, if it does; resolves when it answers. */
export async function startPublication(parts: PublicationParts): Promise<{ close(): Promise<void> }> {
  if (parts.inForce.config.publication === undefined) return { close: async () => {} }
  parts.place.prepare()
  const desk = new PublicationThreadKeeper(parts)
  await desk.start()
  return {
    close: async () => {
      await desk.close()
      parts.place.remove()
    },
  }
}

/** Keeps one thread at work: a new one follows when it fails, and when a reload changes what it was started with. */
class PublicationThreadKeeper {
  readonly #parts: PublicationParts
  #worker: Worker | undefined
  #feed: PublicationFeed | undefined
  #startedWith: GatewayConfig | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(parts: PublicationParts) {
    this.#parts = parts
  }

  /** Rejects if the first thread cannot start. */
  async start(): Promise<void> {
    await this.#begin()
    this.#timer = setInterval(() => this.#look(), restartMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#end()
  }

  async #begin(): Promise<void> {
    const { inForce, place, sockets, index, freshness, env } = this.#parts
    const { config } = inForce
    this.#startedWith = config
    const { publication, issuing, issuers, doors, certificates, revocation } = config
    const listen = doors.publication?.listen ?? []
    const taken = await Promise.all(
      listen.map((address, position) => sockets.take(address, { door: publicationName, position })),
    )
    const start: PublicationStart = {
      config: { publication, issuing, issuers, doors, certificates },
      index: index.shared,
      freshness,
      revocation,
      socketPath: place.socketPath,
      sockets: taken.map(({ handle }) => handle.fd),
      env,
    }
    const worker = new Worker(moduleUrl('./assemble-responder', import.meta.url), { workerData: start })
    this.#worker = worker
    const feed = new PublicationFeed(this.#ports(), (message) => worker.postMessage(message))
    this.#feed = feed
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    worker.on('message', (message: ThreadMessage) => {
      if (message.type === 'listening') resolve()
      if (message.type === 'log') this.#parts.log[message.level](message.message, message.fields)
      else feed.take(message)
    })
    worker.on('error', (error) => {
      this.#parts.log.error('the publication thread failed', { error })
      reject(error)
    })
    worker.once('exit', () => {
      feed.close()
      if (this.#worker === worker) this.#worker = undefined
      reject(new Error('Cannot publish as the thread ended'))
    })
    feed.start()
    await promise
  }

  #ports(): PublicationPorts {
    const { inForce, opened, index, follower, audit, log, observer } = this.#parts
    return {
      config: () => inForce.config,
      ...{ index, follower, audit, log, observer },
      store: opened.store,
      values: opened.values,
      clock: systemClock,
    }
  }

  /** A second each: it is not what logins wait for. */
  #look(): void {
    if (this.#closed || (this.#worker !== undefined && !this.#isChanged())) return
    void this.#end()
      .then(() => (this.#closed ? undefined : this.#begin()))
      .catch((error: unknown) => this.#parts.log.error('the publication thread cannot start', { error }))
  }

  #isChanged(): boolean {
    const before = this.#startedWith
    const { config } = this.#parts.inForce
    if (before === config || before === undefined) return false
    const same = (['issuing', 'issuers', 'certificates'] as const).every(
      (name) => JSON.stringify(before[name]) === JSON.stringify(config[name]),
    )
    if (same) this.#startedWith = config
    return !same
  }

  async #end(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    this.#feed?.close()
    if (worker === undefined) return
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    worker.postMessage({ type: 'close' })
    const timer = setTimeout(() => void worker.terminate(), 5 * secondMs)
    await ended
    clearTimeout(timer)
  }
}
