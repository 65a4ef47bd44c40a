import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import packageJson from '../package.json' with { type: 'json' }
import { createDoorSet, type DoorSet, type WorkerParts } from './assemble-doors.ts'
import { systemClock } from './base/clock.ts'
import type { MetricLayout } from './base/metric-sheet.ts'
import { TickClock } from './base/tick-clock.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import { AdmissionLimits } from './data-path/admission-limits.ts'
import { AssertionSigner } from './data-path/assertion.ts'
import { AuditNotes } from './data-path/audit-notes.ts'
import { Batch } from './data-path/batch.ts'
import { Deadlines } from './data-path/deadlines.ts'
import { DirectoryClient, type DirectoryQuestion } from './data-path/directory-client.ts'
import { DoorListener } from './data-path/door-listener.ts'
import type { RefusalRecord, UnknownOutcome } from './data-path/ports.ts'
import { createRequestIds } from './data-path/request-id.ts'
import { CookieSealer } from './data-path/sealed-cookies.ts'
import { DoorCounts, type SharedCounts } from './data-path/shared-counts.ts'
import type { Tracing } from './data-path/trace-ports.ts'
import { UpgradeCounts } from './data-path/upgrade-counts.ts'
import { type AccessLogFile, createAccessLog } from './observe/access-log.ts'
import { watchLoopDelay } from './observe/loop-delay.ts'
import { createWorkerMetrics, type WorkerMetrics } from './observe/worker-metrics.ts'
import { adoptSocket } from './supervise/socket-handle.ts'
import type { CertificateUse, DirectoryAnswer } from './trust/directory-answer.ts'
import type { SharedFreshness } from './trust/freshness.ts'
import { LiveConnections, summarise } from './trust/live-connections.ts'
import { RevocationIndex, type SharedIndex } from './trust/revocation-index.ts'
import type { CallAnswer, ControlMessage, DoorSocket, WorkerCall, WorkerMessage } from './trust/worker-messages.ts'

/** What the control thread gives a data worker at its start. */
export type WorkerStart = {
  readonly config: GatewayConfig
  readonly index: SharedIndex
  readonly freshness: SharedFreshness
  readonly metricLayout: MetricLayout
  readonly metricBuffer: SharedArrayBuffer
  /** Shared by all gateways of one store; undefined when no cookies are sealed. */
  readonly sealingSecret: Uint8Array | undefined
  readonly ticketSecret: Uint8Array
  /** When the configuration's issuers were checked: one that has expired since must not keep a new worker down. */
  readonly checkedAtMs: number
  /** Path of the access log, `-`, or undefined. */
  readonly accessLogFile: string | undefined
  /** Which of the workers' places this one has: its replacement has the same. */
  readonly slot: number
  /** What all workers count together. */
  readonly counts: SharedCounts
  /** This worker's own duplicates of the doors' listening sockets. */
  readonly sockets: readonly DoorSocket[]
}

/** What the control thread gives a worker for a new configuration. */
export type WorkerReload = Pick<WorkerStart, 'config' | 'metricLayout' | 'metricBuffer' | 'checkedAtMs'>

type Message = WorkerMessage<RefusalRecord, UnknownOutcome>

/** How often the control thread is told which certificates were seen. Unit: milliseconds. */
const sightingsMs = 1_000

type AdoptedSocket = { readonly door: string; readonly handle: object }

/** Spans of this worker, and what has them leave before it ends. */
type WorkerTracing = { readonly spans: Tracing; readonly flush: () => Promise<void> }

/** Loaded here and nowhere else: where tracing is off no worker has ever read the code of it. */
async function startTracing(file: string, loginId: boolean): Promise<WorkerTracing> {
  const { createTracing, importTracingModule } = await import('./observe/tracing.ts')
  const { tracerProvider, flush } = await importTracingModule(file)
  return {
    spans: createTracing({ tracerProvider, version: packageJson.version, loginId, clock: systemClock }),
    // Spans that cannot leave must not keep a worker from ending well.
    flush: async () => void (await Promise.resolve(flush?.()).catch(() => {})),
  }
}

/** One data worker: its doors, its upstream connections, its live connections. */
class DataWorker {
  readonly #start: WorkerStart
  readonly #port: MessagePort
  readonly #sockets: readonly AdoptedSocket[]
  readonly #tracing: WorkerTracing | undefined
  readonly #listeners = new Map<string, DoorListener>()
  readonly #clock = new TickClock(systemClock)
  readonly #batch = new Batch(this.#clock)
  readonly #deadlines = new Deadlines(this.#clock)
  readonly #live = new LiveConnections()
  readonly #directory: DirectoryClient
  readonly #signer: AssertionSigner | undefined
  readonly #asked = new Map<number, (answer: DirectoryAnswer | 'unavailable') => void>()
  readonly #usesTold = new Map<number, () => void>()
  #questions = 0
  #connections = 0
  #draining = false
  #jwks = '{"keys":[]}'
  readonly #metrics: WorkerMetrics
  readonly #admissions = new Map<string, AdmissionLimits>()
  readonly #accessLog: AccessLogFile | undefined
  readonly #parts: WorkerParts
  #current: DoorSet | undefined
  #prepared: { readonly reload: WorkerReload; readonly doors: DoorSet } | undefined

  constructor(
    start: WorkerStart,
    from: { port: MessagePort; sockets: readonly AdoptedSocket[]; tracing: WorkerTracing | undefined },
  ) {
    const { port } = from
    this.#sockets = from.sockets
    this.#tracing = from.tracing
    this.#start = start
    this.#port = port
    const { config } = start
    this.#directory = new DirectoryClient(
      (question) => this.#ask(question),
      (use) => this.#tellUse(use),
    )
    const { assertion } = config.identity
    this.#signer = assertion && new AssertionSigner(assertion, systemClock)
    this.#metrics = createWorkerMetrics(start.metricLayout, start.metricBuffer)
    const { accessLogFile } = start
    this.#accessLog = accessLogFile === undefined ? undefined : this.#openAccessLog(accessLogFile)
    this.#parts = this.#createParts()
    port.on('message', (message: ControlMessage) => this.#receive(message))
  }

  /** Makes all that its doors need; they stay closed. */
  prepare(): void {
    const { config, checkedAtMs } = this.#start
    watchLoopDelay((p99, max) => this.#metrics.eventLoopDelay(p99, max))
    this.#current = createDoorSet(config, this.#parts, { checkedAtMs, previous: undefined })
    for (const [name, { door, contexts }] of this.#current.doors)
      this.#listeners.set(name, new DoorListener(door, contexts))
    setInterval(() => this.#tellSightings(), sightingsMs).unref()
    this.#send({ type: 'ready' })
  }

  #createParts(): WorkerParts {
    const { config, sealingSecret, index, freshness, ticketSecret, counts, slot } = this.#start
    const metrics = this.#metrics
    const { sealCookies } = config.identity
    const clock = this.#clock
    const deadlines = this.#deadlines
    return {
      clock,
      batch: this.#batch,
      deadlines,
      metrics,
      index: new RevocationIndex(index),
      freshness,
      live: this.#live,
      directory: this.#directory,
      signer: this.#signer,
      sealer: sealingSecret && new CookieSealer({ names: sealCookies, secret: Buffer.from(sealingSecret), clock }),
      ticketSecret,
      tracing: this.#tracing?.spans,
      audit: new AuditNotes((batch, dropped) => this.#send({ type: 'audit', notes: batch, dropped })),
      accessLog: this.#accessLog,
      upgrades: new UpgradeCounts(counts.upgrades, slot),
      admissionOf: (door) => this.#admissionOf(door),
      nextRequestIds: createRequestIds(),
      nextConnectionId: () => ++this.#connections,
      isDraining: () => this.#draining,
      jwks: () => this.#jwks,
    }
  }

  #openAccessLog(file: string) {
    return createAccessLog({
      file,
      queryStrings: this.#start.config.accessLog.queryStrings,
      clock: this.#clock,
      onDrop: (lines) => this.#metrics.accessLogDropped(lines),
    })
  }

  /** Where that cannot be done, lines go on into the file as it was: no request fails for its log. */
  async #reopenAccessLog(): Promise<number> {
    try {
      await this.#accessLog?.reopen()
      return 0
    } catch {
      return 1
    }
  }

  /** Who is at a door stays counted, whatever its configuration becomes. */
  #admissionOf(door: string): AdmissionLimits {
    const known = this.#admissions.get(door)
    if (known !== undefined) return known
    const { config, counts, slot } = this.#start
    const admission = new AdmissionLimits({
      limits: config.limits,
      clock: this.#clock,
      deadlines: this.#deadlines,
      counts: new DoorCounts(counts, { door, slot }),
    })
    this.#admissions.set(door, admission)
    return admission
  }

  /** Builds everything a new configuration needs, beside what runs. */
  #prepareReload(reload: WorkerReload): void {
    this.#abandonReload()
    const doors = createDoorSet(reload.config, this.#parts, {
      checkedAtMs: reload.checkedAtMs,
      previous: this.#current,
    })
    this.#prepared = { reload, doors }
  }

  /** Uses what was prepared, in one turn. Returns how many connections were cut for it. */
  #commitReload(): number {
    const prepared = this.#prepared
    if (prepared === undefined) return 0
    this.#prepared = undefined
    const { reload, doors } = prepared
    this.#clock.refresh()
    // An issuer may ask for more than was asked about before.
    this.#directory.forgetAll()
    this.#metrics.useSheet(reload.metricLayout, reload.metricBuffer)
    const former = this.#current
    this.#current = doors
    for (const admission of this.#admissions.values()) admission.reconfigure(reload.config.limits)
    let cut = 0
    for (const [name, { door, contexts }] of doors.doors)
      cut += this.#listeners.get(name)?.reconfigure(door, contexts) ?? 0
    if (former !== undefined) retireUpstreams(former, doors)
    for (const group of doors.upstreams.values()) group.use()
    return cut
  }

  #abandonReload(): void {
    if (this.#prepared !== undefined) retireUpstreams(this.#prepared.doors, this.#current)
    this.#prepared = undefined
  }

  #receive(message: ControlMessage): void {
    if (message.type === 'answer') {
      this.#asked.get(message.id)?.(message.answer)
      this.#asked.delete(message.id)
      return
    }
    if (message.type === 'use_noted') {
      this.#usesTold.get(message.id)?.()
      this.#usesTold.delete(message.id)
      return
    }
    const { id, call } = message
    this.#call(call).then(
      (value) => this.#send({ type: 'done', id, value }),
      (error: unknown) => {
        // Only a configuration may turn out to be unusable; every other fault is a defect, and ends the worker.
        if (call.type !== 'reload_prepare') throw error
        this.#send({ type: 'failed', id, message: error instanceof Error ? error.message : String(error) })
      },
    )
  }

  async #call(call: WorkerCall): Promise<CallAnswer> {
    switch (call.type) {
      case 'cut':
        return this.#live.cut(call.selector, call.reason)
      case 'recheck':
        return this.#live.recheck(call.scope)
      case 'key_changes':
        return { ...this.#live.takeKeyChanges(), untracked: this.#live.untracked() }
      case 'directory_changed':
        return this.#directoryChanged(call.loginId)
      case 'directory_replaced': {
        this.#directory.forgetAll()
        const cuts = await Promise.all(this.#live.loginIds().map((loginId) => this.#directoryChanged(loginId)))
        return cuts.reduce((sum, cut) => sum + cut, 0)
      }
      case 'connections_of':
        return this.#live.matching({ by: 'loginId', loginId: call.loginId }).map(summarise)
      case 'list_connections':
        return this.#live.list(call.max)
      case 'assertion_keys':
        this.#jwks = call.jwks
        await this.#signer?.use(JSON.parse(call.privateJwk))
        return 0
      case 'target_health':
        this.#current?.upstreams.get(call.upstream)?.setHealth(call.target, call.healthy)
        this.#prepared?.doors.upstreams.get(call.upstream)?.setHealth(call.target, call.healthy)
        return 0
      case 'reload_prepare':
        this.#prepareReload(call.reload as WorkerReload)
        return 0
      case 'reload_commit':
        return this.#commitReload()
      case 'reload_abandon':
        this.#abandonReload()
        return 0
      case 'reopen_access_log':
        return await this.#reopenAccessLog()
      case 'open_doors':
        for (const [door, listener] of this.#listeners) {
          await listener.listen(this.#sockets.flatMap((socket) => (socket.door === door ? [socket.handle] : [])))
        }
        return 0
      case 'drain':
        this.#draining = true
        await Promise.all([...this.#listeners.values()].map((listener) => listener.drain(call.idleMs)))
        await this.#tracing?.flush()
        return 0
    }
  }

  /** Asks again for every live connection of the login ID and judges each anew; returns how many were cut. */
  async #directoryChanged(loginId: string): Promise<number> {
    this.#directory.forget(loginId)
    let cut = 0
    for (const live of this.#live.matching({ by: 'loginId', loginId })) {
      const { certificateKey } = live.subject
      if (certificateKey === undefined) continue
      const answer = await this.#directory.lookUp({ loginId, certificateKey }).catch(() => 'unavailable' as const)
      if (live.directoryChanged(answer)) cut++
    }
    return cut
  }

  #ask(question: DirectoryQuestion): Promise<DirectoryAnswer> {
    const id = ++this.#questions
    return new Promise((resolve, reject) => {
      this.#asked.set(id, (answer) => {
        if (answer === 'unavailable') reject(new Error('Cannot look up as the store does not answer'))
        else resolve(answer)
      })
      this.#send({ type: 'ask', id, ...question })
    })
  }

  #tellUse(use: CertificateUse): Promise<void> {
    const id = ++this.#questions
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#usesTold.set(id, resolve)
    this.#send({ type: 'use', id, use })
    return promise
  }

  #tellSightings(): void {
    const sightings = this.#directory.takeSightings()
    if (sightings.length > 0) this.#send({ type: 'seen', sightings })
  }

  #send(message: Message): void {
    this.#port.postMessage(message)
  }
}

/** Ends the upstreams of a configuration that is not used, but for those that another one goes on with. */
function retireUpstreams({ upstreams }: DoorSet, kept: DoorSet | undefined): void {
  for (const [name, group] of upstreams) if (kept?.upstreams.get(name) !== group) group.retire()
}

if (parentPort !== null) {
  const start = workerData as WorkerStart
  // Before anything can fail: from here on they are closed when this thread ends, however it ends.
  const sockets = start.sockets.map(({ door, fd }) => ({ door, handle: adoptSocket(fd) }))
  const { module, loginId } = start.config.tracing
  const tracing = module === undefined ? undefined : await startTracing(module, loginId)
  new DataWorker(start, { port: parentPort, sockets, tracing }).prepare()
}
