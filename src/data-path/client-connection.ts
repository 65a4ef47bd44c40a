import type { TLSSocket } from 'node:tls'
import { assert } from '../base/assert.ts'
import {
  admit,
  admitAnew,
  admitToOpenRoutes,
  admitWithoutCertificate,
  connectionSubject,
  directoryQuestion,
  judgeAgain,
  judgeBeyondTime,
  type Permit,
  type Presented,
} from '../trust/admit.ts'
import { type CutReason, type Denial, type DenialReason, timeReasons } from '../trust/denial.ts'
import type { DirectoryAnswer } from '../trust/directory-answer.ts'
import type { ConnectionSubject, LiveConnection } from '../trust/live-connections.ts'
import { type AdmissionPlace, addressGroup } from './admission-limits.ts'
import { isListed } from './client-address.ts'
import type { ClientProtocol } from './client-protocol.ts'
import type { Deadline } from './deadlines.ts'
import type { Door } from './door.ts'
import { firstUseOf } from './first-use.ts'
import { hostMatches, normaliseHost } from './host-check.ts'
import { Http1Connection } from './http1-connection.ts'
import { Http2Connection } from './http2-connection.ts'
import { PermittedClient } from './permitted-client.ts'
import type { HandshakeResult } from './ports.ts'
import { issuerOf, loginIdOf } from './presented-certificate.ts'
import type { Route } from './route-table.ts'
import type { ConnectionTrace } from './trace-ports.ts'

/**
 * Where a connection stands. `handshaking`: TLS is being set up. `judging`: the directory is being asked. `open`: judged, with a
 * permit or a denial to tell. `ended`: once, and the first reason wins.
 */
type Stage = 'handshaking' | 'judging' | 'open' | 'ended'

/** A user who revokes their own certificate gets the answer to that within this time (R15), and nothing else. Unit: milliseconds. */
const lastAnswerMs = 2_000

/** One client connection, from TCP accept to its end. */
export class ClientConnection implements LiveConnection, Deadline {
  readonly id: number
  readonly openedAtMs: number
  readonly clientAddress: string
  readonly socket: TLSSocket
  /** Undefined where tracing is off. */
  readonly trace: ConnectionTrace | undefined
  /** As the configuration is now. */
  door: Door
  subject: ConnectionSubject
  deadlineMs: number
  deadlinePlace = -1
  /** SNI if the client sent one: any bytes at all, so it is only ever looked at through `normaliseHost`. */
  serverName: string | undefined
  /** Under which id the refusal of this connection was audited; empty if it was not refused. */
  refusalRequestId = ''
  #stage: Stage = 'handshaking'
  #verdict: Permit | Denial | undefined
  #presented: Presented | undefined
  #der: Buffer | undefined
  #permitted: PermittedClient | undefined
  /** For routes that are open to everybody, on a connection that was refused. */
  #unidentified: PermittedClient | undefined
  #protocol: ClientProtocol | undefined
  #requests = 0
  #isCut = false
  #drainIdleMs: number | undefined
  /** The host of the last request that belonged here, as sent and normalised: nearly every request has the same. */
  #hostSent: string | undefined
  #host: string | undefined
  readonly #requestIds: string
  readonly #place: AdmissionPlace
  readonly #ended: (connection: ClientConnection) => void
  readonly #acceptedAtMs: number

  constructor(options: {
    socket: TLSSocket
    door: Door
    /** As `plainAddress` writes it. */
    clientAddress: string
    place: AdmissionPlace
    /** Called once when the connection has ended. */
    ended: (connection: ClientConnection) => void
  }) {
    const { socket, door, place } = options
    this.#ended = options.ended
    this.door = door
    this.socket = socket
    this.#place = place
    place.giveWay = () => {
      door.metrics.fault('connection_limit')
      this.end('crowded_out')
    }
    this.id = door.nextConnectionId()
    this.#requestIds = door.nextRequestIds()
    this.clientAddress = options.clientAddress
    this.openedAtMs = door.clock.nowMs()
    this.#acceptedAtMs = door.clock.monotonicMs()
    this.trace = door.tracing?.connection({ door: door.name, startedAtMs: this.#acceptedAtMs })
    this.deadlineMs = this.#acceptedAtMs + door.limits.handshakeTimeoutMs
    this.subject = { door: door.name, certificateKey: undefined, loginId: undefined, contractId: undefined }
    door.deadlines.add(this)
    door.metrics.connectionOpened(door.name)
    socket.once('secure', () => this.#secured())
    // After the handshake Node tells TLS errors of a socket without a tls.Server only here, and leaves the socket open.
    const failed = ({ code }: NodeJS.ErrnoException) =>
      this.end(code === 'ECONNRESET' || code === 'EPIPE' ? 'client_closed' : 'tls_error')
    socket.on('_tlsError', failed)
    socket.on('error', failed)
    socket.on('end', () => {
      // What the client sent before it left comes first.
      door.batch.run()
      this.end('client_closed')
    })
    socket.on('close', () => this.end('client_closed'))
    socket.on('drain', () => this.#protocol?.drained())
  }

  /** See `createRequestIds`. */
  nextRequestId(): string {
    return this.#requestIds + ++this.#requests
  }

  /** Serial of the presented certificate, if it could be read. */
  get presentedSerial(): string | undefined {
    return this.#presented?.kind === 'certificate' ? this.#presented.opinion.presented.serial : undefined
  }

  get verdict(): Permit | Denial | undefined {
    return this.#verdict
  }

  /** Whom limits on a user count: the login ID, or the address of who has none. A refused certificate speaks for no login ID. */
  get userKey(): string {
    const loginId = this.#permitted === undefined ? undefined : this.subject.loginId
    return `${this.door.name} ${loginId ?? addressGroup(this.clientAddress)}`
  }

  /** What is said of this client to the application on a route that took its request. */
  permittedOn(route: Route): PermittedClient {
    if (this.#permitted !== undefined) return this.#permitted
    assert(route.certificate === 'optional', 'only a route open to everybody takes a refused client')
    this.#unidentified ??= this.#permittedClient(admitToOpenRoutes())
    return this.#unidentified
  }

  /** The normalised host, if requests for it belong on this connection (RFC 9110 7.4). */
  acceptHost(sent: string): string | undefined {
    if (sent === this.#hostSent) return this.#host
    const host = normaliseHost(sent)
    if (!hostMatches(host, this.serverName, this.door.hostNames)) return undefined
    // A copy: `sent` is a slice that would keep a whole head in memory for as long as the connection is idle.
    this.#hostSent = Buffer.from(sent, 'latin1').toString('latin1')
    this.#host = host
    return host
  }

  #secured(): void {
    if (this.#stage !== 'handshaking') return
    this.#stage = 'judging'
    const { door } = this
    door.clock.refresh()
    this.#handshakeEnded('completed')
    if (this.socket.isSessionReused()) door.metrics.sessionResumed(door.name)
    // `servername` is false or null where the client sent no SNI, whatever the types say.
    this.serverName = (this.socket as { servername?: string | false | null }).servername || undefined
    if (door.certificates === undefined) {
      this.#decide(admitWithoutCertificate(this, door.trust))
      return
    }
    const { presented, der } = door.certificates.read(this.socket)
    this.#presented = presented
    this.#der = der
    const question = directoryQuestion(presented)
    const remembered = question && door.directory?.remembered(question, door.clock.nowMs())
    if (question === undefined || door.directory === undefined || remembered !== undefined) {
      this.#judge(remembered)
      return
    }
    this.trace?.lookUpBegan()
    door.directory.lookUp(question).then(
      (answer) => this.#judge(answer),
      () => this.#judge('unavailable'),
    )
  }

  #judge(answer: DirectoryAnswer | 'unavailable' | undefined): void {
    if (this.#stage !== 'judging' || this.#presented === undefined) return
    // The directory's answer begins a turn of its own.
    this.door.clock.refresh()
    this.subject = connectionSubject(this.door.name, this.#presented, answer)
    this.#decide(admit({ connection: this, presented: this.#presented, answer }, this.door.trust), answer)
  }

  #decide(verdict: Permit | Denial, answer?: DirectoryAnswer | 'unavailable'): void {
    const { door } = this
    this.#stage = 'open'
    this.#verdict = verdict
    this.trace?.judged(verdict.kind === 'permit' ? 'permitted' : verdict.reason)
    if (verdict.kind === 'permit') {
      this.#permitted = this.#permittedClient(verdict)
      this.#place.permitted()
      if (door.certificates !== undefined) {
        door.trust.live.notePermitted(this)
        door.metrics.verdict(door.name, 'permitted')
      }
    } else {
      this.#place.failed()
      this.refusalRequestId = this.nextRequestId()
      this.recordRefusal(verdict, this.refusalRequestId)
    }
    const protocol = this.socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1'
    door.metrics.connectionProtocol(door.name, protocol)
    this.#protocol = protocol === 'h2' ? new Http2Connection(this) : new Http1Connection(this)
    const use = verdict.kind === 'permit' ? firstUseOf(this.#presented, answer, door) : undefined
    if (use === undefined) this.#read()
    // Older certificates are superseded before the first answer on a new one (R20): nothing is read until then.
    else door.directory?.noteUse(use).then(() => this.#read())
  }

  #read(): void {
    if (this.#stage === 'open') this.socket.on('data', (bytes: Buffer) => this.door.batch.fromClient(this, bytes))
  }

  #permittedClient(permit: Permit): PermittedClient {
    const { door } = this
    return new PermittedClient(permit, door.services, {
      address: this.clientAddress,
      certificateDer: this.#der,
      trustedForwarder: isListed(door.trustedForwarders, this.clientAddress),
    })
  }

  /** Counts and audits a refusal (R25), whether of the connection or of a later request on it. */
  recordRefusal(denial: Denial, requestId: string): void {
    const { door } = this
    door.metrics.verdict(door.name, denial.reason)
    door.metrics.denied(denial.reason, issuerOf(this.#presented))
    door.audit.refused({
      requestId,
      door: door.name,
      clientAddress: this.clientAddress,
      reason: denial.reason,
      detail: denial.detail,
      certificateSerial: denial.certificate?.serial,
      loginId: this.subject.loginId,
    })
  }

  directoryChanged(answer: DirectoryAnswer | 'unavailable'): boolean {
    if (this.#stage !== 'open' || this.#verdict?.kind !== 'permit') return false
    this.door.clock.refresh()
    const verdict = admitAnew(this.#verdict, { answer }, this.door.trust)
    if (verdict.kind === 'denial') {
      // What has ended by itself ends nothing that is under way: the next request gets the page.
      if (timeReasons.has(verdict.reason) && judgeAgain(this.#verdict, this.door.trust).kind === 'denial') return false
      return this.#cutIf(verdict.reason)
    }
    this.#verdict = verdict
    this.#permitted = this.#permittedClient(verdict)
    return false
  }

  recheck(): boolean {
    if (this.#stage !== 'open' || this.#verdict?.kind !== 'permit') return false
    return this.#cutIf(judgeBeyondTime(this.#verdict, this.door.trust)?.reason)
  }

  #cutIf(reason: DenialReason | undefined): boolean {
    if (reason !== undefined) this.cut(reason)
    return reason !== undefined
  }

  /**
   * The configuration has changed: what is under way goes on, and the certificate is judged by the rules as they are now. Returns
   * true if the connection was cut for that.
   */
  reconfigure(door: Door): boolean {
    const former = this.door
    this.door = door
    this.#hostSent = undefined
    this.#unidentified = undefined
    if (this.#stage === 'handshaking' || this.#stage === 'ended') return false
    if (this.#cutIf(this.#certificateFault(door))) return true
    if (this.#verdict?.kind !== 'permit') return false
    const forwards = ({ trustedForwarders }: Door) => isListed(trustedForwarders, this.clientAddress)
    const isSame = former.services === door.services && forwards(former) === forwards(door)
    if (!isSame || this.#permitted?.permit !== this.#verdict) this.#permitted = this.#permittedClient(this.#verdict)
    return false
  }

  /** Reads and judges the certificate anew; why the new rules cut a connection with it, if they do. */
  #certificateFault({ certificates, trust }: Door): DenialReason | undefined {
    const former = this.#presented
    if (certificates === undefined || this.#der === undefined || former === undefined) return undefined
    const presented = certificates.readAgain(this.#der, former)
    this.#presented = presented
    if (this.#verdict?.kind === 'denial') return undefined
    const verdict = this.#verdict && admitAnew(this.#verdict, { presented }, trust)
    // What only time decides ends nothing that is under way: the next request is told of it, on its page.
    const denied = verdict?.kind === 'denial' && !timeReasons.has(verdict.reason) ? verdict.reason : undefined
    if (denied !== undefined) return denied
    // What the directory said, or is being asked, is about the login ID that the certificate had then.
    if (loginIdOf(presented) !== loginIdOf(former)) return 'login_id_unknown'
    if (verdict?.kind === 'permit' && presented !== former) this.#verdict = verdict
    return undefined
  }

  /** Bytes of the client, handed on by the batch; nothing is read from a connection that has ended. */
  receive(bytes: Buffer): void {
    if (this.#stage === 'open') this.#protocol?.receive(bytes)
  }

  /**
   * Judges the user again between requests; false: nothing may pass. A denial by time is audited and cuts the connection; of any
   * other the control thread is about to tell all workers, and counts who is cut for it.
   */
  stillPermitted(): boolean {
    if (this.#verdict?.kind !== 'permit') return true
    const verdict = judgeAgain(this.#verdict, this.door.trust)
    if (verdict.kind === 'denial' && timeReasons.has(verdict.reason)) {
      this.recordRefusal(verdict, this.nextRequestId())
      this.cut(verdict.reason)
    }
    return verdict.kind === 'permit'
  }

  cut(reason: CutReason): void {
    if (this.#stage === 'ended' || this.#isCut) return
    this.#isCut = true
    this.door.metrics.connectionCut(this.door.name, reason)
    if (this.#protocol?.cut(reason) !== true) this.end(reason)
    else setTimeout(() => this.end(reason), lastAnswerMs).unref()
  }

  /** Awaits the next thing for so long; on expiry the protocol decides. Unit: milliseconds. */
  awaitWithin(durationMs: number): void {
    this.deadlineMs = this.door.clock.monotonicMs() + durationMs
  }

  /**
   * Says that nothing more comes, when everything that was written has left, and waits so long for the client to close too. What it
   * sends meanwhile is read, so that it is not reset before it has read the answer. Unit: milliseconds.
   */
  endWriting(lingerMs: number): void {
    const { socket } = this
    this.awaitWithin(this.door.limits.bodyIdleTimeoutMs)
    socket.end(() => this.awaitWithin(lingerMs))
    if (socket.isPaused()) socket.resume()
  }

  expire(): void {
    if (this.#stage === 'handshaking') {
      this.#handshakeEnded('timeout')
      this.door.metrics.fault('handshake_timeout')
      this.end('handshake_timeout')
      return
    }
    if (this.#protocol === undefined) this.end('judging_timeout')
    else this.#protocol.expired()
  }

  /** How long it may wait for a next request. Unit: milliseconds. */
  get idleTimeoutMs(): number {
    return this.#drainIdleMs ?? this.door.limits.keepAliveIdleTimeoutMs
  }

  /** Ends with the request in progress; an idle one after `idleMs`, so that a request on its way still gets an answer. */
  drain(idleMs: number): void {
    this.#drainIdleMs = idleMs
    this.#protocol?.drain()
  }

  /** Ends the connection abruptly. The first cause wins; later calls do nothing. */
  end(cause: string): void {
    if (this.#stage === 'ended') return
    const stage = this.#stage
    this.#stage = 'ended'
    const { door } = this
    if (stage === 'handshaking' && cause !== 'handshake_timeout') this.#handshakeEnded('failed')
    if (stage === 'handshaking') this.#place.failed()
    door.deadlines.remove(this)
    door.trust.live.release(this)
    door.trust.live.noteEnded(this)
    this.#place.release()
    door.metrics.connectionClosed(door.name)
    this.#ended(this)
    this.#protocol?.closed(cause)
    this.socket.destroy()
  }

  #handshakeEnded(result: HandshakeResult): void {
    const seconds = (this.door.clock.monotonicMs() - this.#acceptedAtMs) / 1_000
    this.door.metrics.handshakeEnded(this.door.name, result, seconds)
    this.trace?.handshakeEnded(result, this.socket)
  }
}
