import type { TLSSocket } from 'node:tls'
import {
  admit,
  admitAnew,
  admitWithoutCertificate,
  connectionSubject,
  type Permit,
  type Presented,
} from '../trust/admit.ts'
import type { Denial, DenialReason } from '../trust/denial.ts'
import type { DirectoryAnswer } from '../trust/directory-answer.ts'
import type { ConnectionSubject, LiveConnection } from '../trust/live-connections.ts'
import type { AdmissionPlace } from './admission-limits.ts'
import type { Deadline } from './deadlines.ts'
import type { Door } from './door.ts'
import { Http1Connection } from './http1-connection.ts'
import { PermittedClient } from './permitted-client.ts'
import type { HandshakeResult } from './ports.ts'

/** How a connection speaks once it is judged; HTTP/2 will stand beside HTTP/1.1 here, chosen by ALPN. */
export type ClientProtocol = {
  data(bytes: Buffer): void
  drained(): void
  /** The deadline passed. */
  expired(): void
  /** Ends when nothing is in progress: at once if idle. */
  drain(): void
  /** The connection is gone: everything under way ends, upstream sides too. */
  closed(cause: string): void
}

/**
 * Where a connection stands. `handshaking`: TLS is being set up. `judging`: the directory is being asked. `open`: judged, with a
 * permit or a denial to tell. `ended`: once, and the first reason wins.
 */
type Stage = 'handshaking' | 'judging' | 'open' | 'ended'

/** One client connection, from TCP accept to its end. */
export class ClientConnection implements LiveConnection, Deadline {
  readonly id: number
  readonly openedAtMs: number
  readonly clientAddress: string
  readonly socket: TLSSocket
  readonly door: Door
  subject: ConnectionSubject
  deadlineMs: number
  /** SNI if the client sent one: any bytes at all, so it is only ever looked at through `normaliseHost`. */
  serverName: string | undefined
  /** Under which id the refusal of this connection was audited; empty if it was not refused. */
  refusalRequestId = ''
  #stage: Stage = 'handshaking'
  #verdict: Permit | Denial | undefined
  #presented: Presented | undefined
  #der: Buffer | undefined
  #permitted: PermittedClient | undefined
  #protocol: ClientProtocol | undefined
  #requests = 0
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
    this.deadlineMs = this.#acceptedAtMs + door.limits.handshakeTimeoutMs
    this.subject = { door: door.name, certificateKey: undefined, loginId: undefined, contractId: undefined }
    door.deadlines.add(this)
    door.metrics.connectionOpened(door.name)
    socket.once('secure', () => this.#secured())
    // After the handshake Node tells TLS errors of a socket without a tls.Server only here, and leaves the socket open.
    const failed = (error: NodeJS.ErrnoException) => this.end(isDisconnection(error) ? 'client_closed' : 'tls_error')
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

  /** The permitted client; only where the verdict is a permit. */
  get permitted(): PermittedClient | undefined {
    return this.#permitted
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
    const question = this.#directoryQuestion()
    if (question === undefined || door.directory === undefined) {
      this.#judge(undefined)
      return
    }
    const remembered = door.directory.remembered(question)
    if (remembered !== undefined) {
      this.#judge(remembered)
      return
    }
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
    this.#decide(admit({ connection: this, presented: this.#presented, answer }, this.door.trust))
  }

  #directoryQuestion() {
    if (this.#presented?.kind !== 'certificate') return undefined
    const { loginId, key, fault } = this.#presented.opinion
    return loginId === undefined || key === undefined || fault !== undefined
      ? undefined
      : { loginId, certificateKey: key }
  }

  #decide(verdict: Permit | Denial): void {
    const { door } = this
    this.#stage = 'open'
    this.#verdict = verdict
    if (verdict.kind === 'permit') {
      this.#permit(verdict)
      this.#place.permitted()
      if (door.certificates !== undefined) door.metrics.verdict(door.name, 'permitted')
    } else {
      this.#place.failed()
      this.refusalRequestId = this.nextRequestId()
      this.recordRefusal(verdict, this.refusalRequestId)
    }
    this.#protocol = new Http1Connection(this)
    this.socket.on('data', (bytes: Buffer) => door.batch.fromClient(this, bytes))
  }

  #permit(permit: Permit): void {
    const { door } = this
    this.#permitted = new PermittedClient(permit, door.services, {
      address: this.clientAddress,
      certificateDer: this.#der,
      trustedForwarder: door.trustedForwarders?.check(this.clientAddress, addressFamily(this.clientAddress)) ?? false,
    })
  }

  /** Counts and audits a refusal (R25), whether of the connection or of a later request on it. */
  recordRefusal(denial: Denial, requestId: string): void {
    const { door } = this
    door.metrics.verdict(door.name, denial.reason)
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
    const verdict = admitAnew(this.#verdict, answer, this.door.trust)
    if (verdict.kind === 'denial') {
      this.cut(verdict.reason)
      return true
    }
    this.#verdict = verdict
    this.#permit(verdict)
    return false
  }

  /** Bytes of the client, handed on by the batch; nothing is read from a connection that has ended. */
  receive(bytes: Buffer): void {
    if (this.#stage === 'open') this.#protocol?.data(bytes)
  }

  cut(reason: DenialReason): void {
    if (this.#stage === 'ended') return
    this.door.metrics.connectionCut(this.door.name, reason)
    this.end(reason)
  }

  /** Awaits the next thing for so long; on expiry the protocol decides. Unit: milliseconds. */
  awaitWithin(durationMs: number): void {
    this.deadlineMs = this.door.clock.monotonicMs() + durationMs
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

  drain(): void {
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
    this.#place.release()
    door.metrics.connectionClosed(door.name)
    this.#ended(this)
    this.#protocol?.closed(cause)
    this.socket.destroy()
  }

  #handshakeEnded(result: HandshakeResult): void {
    const seconds = (this.door.clock.monotonicMs() - this.#acceptedAtMs) / 1_000
    this.door.metrics.handshakeEnded(this.door.name, result, seconds)
  }
}

function isDisconnection({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE'
}

/** IPv4 addresses of dual-stack listeners in their own form, so that one client has one address. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

function addressFamily(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4'
}
