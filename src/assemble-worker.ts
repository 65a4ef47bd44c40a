import { BlockList, isIP } from 'node:net'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { assert } from './base/assert.ts'
import { systemClock } from './base/clock.ts'
import { TickClock } from './base/tick-clock.ts'
import type { CertificateDoorConfig, GatewayConfig, PublicDoorConfig } from './config/gateway-config.ts'
import { AdmissionLimits } from './data-path/admission-limits.ts'
import { AssertionSigner } from './data-path/assertion.ts'
import { AuditNotes } from './data-path/audit-notes.ts'
import { Batch } from './data-path/batch.ts'
import { Deadlines } from './data-path/deadlines.ts'
import { DirectoryClient, type DirectoryQuestion } from './data-path/directory-client.ts'
import type { Door } from './data-path/door.ts'
import { createDoorContexts } from './data-path/door-context.ts'
import { DoorListener } from './data-path/door-listener.ts'
import { normaliseHost } from './data-path/host-check.ts'
import { OwnPages, ownPrefix } from './data-path/own-pages.ts'
import type { RefusalRecord, UnknownOutcome } from './data-path/ports.ts'
import { CertificateReader } from './data-path/presented-certificate.ts'
import { createRequestIds } from './data-path/request-id.ts'
import { createDateField } from './data-path/response-headers.ts'
import { CookieSealer } from './data-path/sealed-cookies.ts'
import { UpstreamPool } from './data-path/upstream-pool.ts'
import { createAccessLog } from './observe/access-log.ts'
import { watchLoopDelay } from './observe/loop-delay.ts'
import { createMetricLayout, type MetricNames } from './observe/metric-table.ts'
import { createWorkerMetrics, type WorkerMetrics } from './observe/worker-metrics.ts'
import { pageHeaders } from './portal/page-style.ts'
import { createPages } from './portal/pages.ts'
import type { TrustState } from './trust/admit.ts'
import type { DirectoryAnswer } from './trust/directory-answer.ts'
import { Freshness, type SharedFreshness } from './trust/freshness.ts'
import { LiveConnections, summarise } from './trust/live-connections.ts'
import { RevocationIndex, type SharedIndex } from './trust/revocation-index.ts'
import type { ControlMessage, WorkerCall, WorkerMessage } from './trust/worker-messages.ts'
import { type IssuingCa, readIssuingCa } from './x509/issuing-ca.ts'

/** What the control thread gives a data worker at its start. */
export type WorkerStart = {
  readonly config: GatewayConfig
  readonly index: SharedIndex
  readonly freshness: SharedFreshness
  readonly metricNames: MetricNames
  readonly metricBuffer: SharedArrayBuffer
  /** Shared by all gateways of one store; undefined when no cookies are sealed. */
  readonly sealingSecret: Uint8Array | undefined
  readonly ticketSecret: Uint8Array
  /** When the gateway started: issuers were checked then, and one that has expired since must not keep a new worker down. */
  readonly startedAtMs: number
  /** Path of the access log, `-`, or undefined. */
  readonly accessLogFile: string | undefined
}

type Message = WorkerMessage<RefusalRecord, UnknownOutcome>

type SharedParts = Omit<
  Door,
  'name' | 'certificates' | 'hostNames' | 'defaultHost' | 'alternateAuthorities' | 'admission' | 'ownPages'
>

const usualMethods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']

/** One data worker: its doors, its upstream connections, its live connections. */
class DataWorker {
  readonly #start: WorkerStart
  readonly #port: MessagePort
  readonly #listeners: DoorListener[] = []
  readonly #clock = new TickClock(systemClock)
  readonly #batch = new Batch(this.#clock)
  readonly #deadlines = new Deadlines(this.#clock)
  readonly #live = new LiveConnections()
  readonly #directory: DirectoryClient | undefined
  readonly #signer: AssertionSigner | undefined
  readonly #asked = new Map<number, (answer: DirectoryAnswer | 'unavailable') => void>()
  #questions = 0
  #connections = 0
  #draining = false
  #jwks = '{"keys":[]}'

  constructor(start: WorkerStart, port: MessagePort) {
    this.#start = start
    this.#port = port
    const { config } = start
    this.#directory = config.directory === 'none' ? undefined : new DirectoryClient((question) => this.#ask(question))
    const { assertion } = config.identity
    this.#signer = assertion && new AssertionSigner(assertion, systemClock)
    port.on('message', (message: ControlMessage) => this.#receive(message))
  }

  async open(): Promise<void> {
    const { config, metricNames, metricBuffer } = this.#start
    const metrics = createWorkerMetrics(createMetricLayout(metricNames), metricBuffer)
    watchLoopDelay((p99, max) => metrics.eventLoopDelay(p99, max))
    const shared = this.#sharedParts(metrics)
    const issuers = new Map(
      config.issuers.map((issuer) => [issuer.name, readIssuingCa(issuer, this.#start.startedAtMs)]),
    )
    const addresses = []
    for (const door of config.doors.certificate) {
      const doorIssuers = door.issuers.map((name) => issuers.get(name)).filter((issuer) => issuer !== undefined)
      assert(doorIssuers.length > 0, `door ${door.name} has issuers`)
      addresses.push(...(await this.#openDoor(door, doorIssuers, shared)))
    }
    if (config.doors.public !== undefined)
      addresses.push(...(await this.#openDoor(config.doors.public, undefined, shared)))
    this.#send({ type: 'ready', addresses })
  }

  /** What all doors of this worker have in common. */
  #sharedParts(metrics: WorkerMetrics): SharedParts {
    const { config, accessLogFile, sealingSecret } = this.#start
    const { limits, institution, timeZone, http, identity } = config
    const upstream = new URL(config.upstream.url)
    const date = createDateField(() => this.#clock.nowMs())
    const hsts = http.hstsSeconds > 0 ? `max-age=${http.hstsSeconds}` : undefined
    const headLimits = { ...limits, knownMethods: new Set([...usualMethods, ...http.extraMethods]) }
    const pool = new UpstreamPool({
      name: 'app',
      host: upstream.hostname.replace(/^\[|\]$/g, ''),
      port: Number(upstream.port || 80),
      limits,
      clock: this.#clock,
      deadlines: this.#deadlines,
      batch: this.#batch,
      metrics,
    })
    const sealer =
      sealingSecret === undefined
        ? undefined
        : new CookieSealer({ names: identity.sealCookies, secret: Buffer.from(sealingSecret), clock: this.#clock })
    const notes = new AuditNotes((batch, dropped) => this.#send({ type: 'audit', notes: batch, dropped }))
    const accessLog =
      accessLogFile === undefined
        ? undefined
        : createAccessLog({
            file: accessLogFile,
            queryStrings: config.accessLog.queryStrings,
            clock: this.#clock,
            onDrop: (lines) => metrics.accessLogDropped(lines),
          })
    return {
      limits,
      headLimits,
      trust: this.#trustState(),
      directory: this.#directory,
      services: { clock: this.#clock, renewalDueDays: identity.renewalDueDays, signer: this.#signer, sealer },
      exchanges: { pool, batch: this.#batch, limits, headLimits, hsts, date, clock: this.#clock, metrics },
      pages: createPages(institution, { timeZone }),
      pageFields: pageHeaders.flat(),
      trustedForwarders: http.trustedForwarders.length === 0 ? undefined : blockList(http.trustedForwarders),
      deadlines: this.#deadlines,
      batch: this.#batch,
      clock: this.#clock,
      metrics,
      accessLog,
      audit: notes,
      hsts,
      nextRequestIds: createRequestIds(),
      nextConnectionId: () => ++this.#connections,
      isDraining: () => this.#draining,
    }
  }

  #trustState(): TrustState {
    const { config, index, freshness } = this.#start
    return {
      clock: this.#clock,
      index: new RevocationIndex(index),
      freshness: new Freshness(freshness, { clock: this.#clock, ...config.revocation }),
      live: this.#live,
      directory: config.directory !== 'none',
      mustBeRegistered: config.certificates.mustBeRegistered,
    }
  }

  async #openDoor(
    config: CertificateDoorConfig | PublicDoorConfig,
    issuers: readonly IssuingCa[] | undefined,
    shared: SharedParts,
  ) {
    const hostNames = config.hostNames.map((name) => normaliseHost(name)).filter((name) => name !== undefined)
    const ownPages = new OwnPages()
    if (issuers === undefined) {
      ownPages.set(`${ownPrefix}jwks.json`, () => ({
        status: 200,
        contentType: 'application/jwk-set+json',
        body: this.#jwks,
      }))
    }
    const door: Door = {
      ...shared,
      name: config.name,
      certificates:
        issuers && 'loginId' in config
          ? new CertificateReader({
              issuers,
              loginId: config.loginId,
              rsaBitsMin: this.#start.config.certificates.rsaBitsMin,
            })
          : undefined,
      hostNames: new Set(hostNames),
      defaultHost: hostNames[0] ?? 'localhost',
      alternateAuthorities: 'alternateAuthorities' in config ? config.alternateAuthorities : [],
      admission: new AdmissionLimits(shared.limits, this.#clock),
      ownPages,
    }
    const resumption = 'resumption' in config && config.resumption.enabled ? config.resumption : undefined
    const contexts = createDoorContexts({
      name: config.name,
      serverCertificates: config.serverCertificates,
      issuers,
      resumption: resumption && { ...resumption, ticketSecret: Buffer.from(this.#start.ticketSecret) },
    })
    const listener = new DoorListener(door, contexts)
    this.#listeners.push(listener)
    return listener.listen(config.listen)
  }

  #receive(message: ControlMessage): void {
    if (message.type === 'answer') {
      this.#asked.get(message.id)?.(message.answer)
      this.#asked.delete(message.id)
      return
    }
    this.#call(message.call).then((value) => this.#send({ type: 'done', id: message.id, value }))
  }

  async #call(call: WorkerCall) {
    switch (call.type) {
      case 'cut':
        return this.#live.cut(call.selector, call.reason)
      case 'directory_changed':
        return this.#directoryChanged(call.loginId)
      case 'directory_replaced': {
        this.#directory?.forgetAll()
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
      case 'drain':
        this.#draining = true
        await Promise.all(this.#listeners.map((listener) => listener.drain()))
        return 0
    }
  }

  /** Asks again for every live connection of the login ID and judges each anew; returns how many were cut. */
  async #directoryChanged(loginId: string): Promise<number> {
    if (this.#directory === undefined) return 0
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

  #send(message: Message): void {
    this.#port.postMessage(message)
  }
}

/** CIDR ranges and single addresses, checked by the configuration. */
function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    list.addSubnet(address, prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix), family)
  }
  return list
}

if (parentPort !== null) {
  await new DataWorker(workerData as WorkerStart, parentPort).open()
}
