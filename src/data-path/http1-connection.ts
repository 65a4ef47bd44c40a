import type { FaultCode } from '../base/errors.ts'
import { faults } from '../base/errors.ts'
import { judgeAgain } from '../trust/admit.ts'
import type { Denial } from '../trust/denial.ts'
import type { ClientConnection, ClientProtocol } from './client-connection.ts'
import type { ClientStream, ResponseStart } from './client-stream.ts'
import { Exchange } from './exchange.ts'
import { hostMatches, normaliseHost } from './host-check.ts'
import { BodyReader } from './http1/body-reader.ts'
import type { FieldList } from './http1/field-list.ts'
import { parseRequestHead, type RequestHead } from './http1/request-head.ts'
import { Http1Answer } from './http1-answer.ts'
import { recordExchange, recordOutcome } from './outcome.ts'
import { pagePreferences } from './page-preferences.ts'
import type { Page } from './ports.ts'

/** How long a closing connection may go on sending before it is dropped, so that the answer is read. Unit: milliseconds. */
const lingerMs = 2_000

/**
 * HTTP/1.1 towards one client (RFC 9112): requests are read one after the other, judged, and given to an exchange; answers
 * are framed by `Http1Answer`.
 *
 * States, by what is held: no exchange: waiting for a head; an exchange with `reading`: its body is being read; an exchange
 * without: its answer is awaited, and what the client sends meanwhile waits in `held`; `closing`: the last answer is
 * written and everything else the client sends is thrown away.
 */
export class Http1Connection implements ClientProtocol, ClientStream {
  readonly #connection: ClientConnection
  readonly #answer: Http1Answer
  #held: Buffer | undefined
  #head: RequestHead | undefined
  #exchange: Exchange | undefined
  #reading: BodyReader | undefined
  #bodyPaused = false
  #closing = false
  /** When the first byte of the request under way came; 0 while there is none. */
  #startedAtMs = 0
  #requestId = ''
  /** The host of the last request that belonged here: nearly every request of a connection has the same. */
  #acceptedHost: string | undefined

  constructor(connection: ClientConnection) {
    this.#connection = connection
    this.#answer = new Http1Answer(connection)
    connection.awaitWithin(connection.door.limits.headTimeoutMs)
  }

  // From the client.

  data(bytes: Buffer): void {
    this.#connection.door.metrics.bytesReceived(this.#connection.door.name, bytes.length)
    if (this.#closing) return
    if (this.#reading !== undefined && this.#held === undefined && !this.#bodyPaused) {
      const after = this.#readBody(bytes)
      if (after < bytes.length) this.#hold(bytes.subarray(after))
    } else {
      this.#hold(bytes)
    }
    this.#advance()
  }

  #hold(bytes: Buffer): void {
    this.#held = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes])
    // Pipelined requests and a paused body wait in TCP, not here.
    if (this.#exchange !== undefined && this.#held.length > this.#connection.door.limits.headBytesMax) {
      this.#connection.socket.pause()
    }
  }

  /** Reads as far as it can: the rest of a body, then heads while no exchange is under way. */
  #advance(): void {
    while (this.#held !== undefined && !this.#closing) {
      const held = this.#held
      if (this.#reading !== undefined) {
        if (this.#bodyPaused) return
        this.#held = undefined
        const after = this.#readBody(held)
        if (after < held.length) this.#held = held.subarray(after)
        continue
      }
      if (this.#exchange !== undefined) return
      if (this.#connection.socket.writableNeedDrain) {
        // Whoever asks and does not take the answers is asked to wait, or they would gather here.
        this.#connection.socket.pause()
        return
      }
      if (!this.#readHead(held)) return
    }
  }

  /** Returns false when the head is not complete yet. */
  #readHead(held: Buffer): boolean {
    const { door } = this.#connection
    const head = parseRequestHead(held, 0, door.headLimits)
    if (head === undefined) {
      // A CRLF too much after the last request begins nothing (RFC 9112 2.2): the connection is as idle as before.
      if (this.#startedAtMs === 0 && !isEmptyLine(held)) {
        this.#startedAtMs = door.clock.monotonicMs()
        this.#connection.deadlineMs = this.#startedAtMs + door.limits.headTimeoutMs
      }
      return false
    }
    if (this.#startedAtMs === 0) this.#startedAtMs = door.clock.monotonicMs()
    this.#requestId = this.#connection.nextRequestId()
    if ('fault' in head) {
      this.#held = undefined
      this.#head = undefined
      this.#answer.begin(undefined)
      this.#answerFault(head.fault)
      return true
    }
    this.#held = head.byteLength < held.length ? held.subarray(head.byteLength) : undefined
    this.#head = head.host === '' ? { ...head, host: this.#impliedHost() } : head
    this.#begin(this.#head)
    return true
  }

  /**
   * Only HTTP/1.0 may leave Host out; it then means the name it came under. Normalised, because the SNI is whatever bytes the
   * client put there, CRLF included; what is left is compared with the door's names before it is used.
   */
  #impliedHost(): string {
    const { door, serverName } = this.#connection
    return serverName === undefined ? door.defaultHost : (normaliseHost(serverName) ?? '')
  }

  #begin(head: RequestHead): void {
    const { door, verdict, permitted, serverName } = this.#connection
    this.#answer.begin(head)
    if (head.host !== this.#acceptedHost) {
      if (!hostMatches(normaliseHost(head.host), serverName, door.hostNames)) {
        this.#answerFault('host_mismatch')
        return
      }
      // A copy: `host` is a slice that would keep a whole head in memory for as long as the connection is idle.
      this.#acceptedHost = Buffer.from(head.host, 'latin1').toString('latin1')
    }
    if (verdict === undefined) return
    const now = verdict.kind === 'permit' ? judgeAgain(verdict, door.trust) : verdict
    if (now.kind === 'denial') {
      // The page shows the id under which the refusal stands in the audit log.
      if (now === verdict) this.#requestId = this.#connection.refusalRequestId
      else this.#connection.recordRefusal(now, this.#requestId)
      this.#answerDenial(now)
      return
    }
    const own = door.ownPages.find(head.target)
    if (own !== undefined) {
      if (own === 'missing') this.#answerFault('request_not_found')
      else this.#answerPage(own(), 'own')
      return
    }
    if (permitted === undefined) return
    const exchange = new Exchange({
      request: head,
      requestId: this.#requestId,
      permitted,
      client: this,
      context: door.exchanges,
    })
    this.#exchange = exchange
    if (head.framing.kind === 'none') {
      exchange.start()
      return
    }
    const reader = new BodyReader(head.framing, door.limits)
    if (!reader.done) this.#reading = reader
    exchange.start()
    if (reader.done) exchange.end([])
  }

  /** Returns the place after the last byte of the body. */
  #readBody(bytes: Buffer): number {
    const { exchange, reader } = { exchange: this.#exchange, reader: this.#reading }
    if (exchange === undefined || reader === undefined) return bytes.length
    const after = reader.feed(bytes, 0, exchange)
    if (typeof after !== 'number') {
      this.#reading = undefined
      exchange.bodyFault(after.fault)
      return bytes.length
    }
    if (reader.done) this.#reading = undefined
    return after
  }

  drained(): void {
    if (this.#exchange !== undefined) {
      this.#exchange.clientDrained()
      return
    }
    if (this.#connection.socket.isPaused()) this.#connection.socket.resume()
    this.#advance()
  }

  expired(): void {
    if (this.#exchange !== undefined) {
      this.#exchange.expired()
    } else if (this.#closing) {
      this.#connection.end('closed')
    } else if (this.#startedAtMs === 0) {
      this.#close()
    } else {
      this.#requestId = this.#connection.nextRequestId()
      this.#head = undefined
      this.#answer.begin(undefined)
      this.#answerFault('head_timeout')
    }
  }

  drain(): void {
    if (this.#exchange === undefined && !this.#closing && this.#startedAtMs === 0) this.#close()
  }

  closed(cause: string): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.#reading = undefined
    this.#held = undefined
    if (exchange === undefined) return
    exchange.abort()
    recordExchange(this.#connection, exchange, { startedAtMs: this.#startedAtMs, outcome: cause })
  }

  // To the client: ClientStream, called by the exchange.

  respondInformational(status: number, reason: string, fields: FieldList): void {
    this.#answer.interim(status, reason, fields)
  }

  respond(start: ResponseStart): void {
    // The client may take an answer that comes before the end of its body as a reason to stop, so the body's end is not relied on.
    if (this.#reading !== undefined) this.#answer.closes = true
    this.#answer.respond(start)
  }

  writeBody(chunk: Buffer): void {
    this.#answer.writeBody(chunk)
  }

  endBody(trailers: FieldList): void {
    this.#answer.endBody(trailers)
  }

  flush(): boolean {
    return this.#answer.flush()
  }

  pauseBody(): void {
    if (this.#bodyPaused) return
    this.#bodyPaused = true
    if (this.#reading !== undefined) this.#connection.socket.pause()
  }

  resumeBody(): void {
    if (!this.#bodyPaused) return
    this.#bodyPaused = false
    this.#connection.socket.resume()
    if (this.#held !== undefined) process.nextTick(() => this.#advance())
  }

  awaitWithin(durationMs: number): void {
    this.#connection.awaitWithin(durationMs)
  }

  respondFault(code: FaultCode): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.#answerFault(code, exchange)
  }

  abort(code: FaultCode): void {
    this.#connection.door.metrics.fault(code)
    this.#connection.end(code)
  }

  exchangeEnded(bodyUnread: boolean): void {
    const exchange = this.#exchange as Exchange
    this.#exchange = undefined
    this.#answer.finish()
    recordExchange(this.#connection, exchange, { startedAtMs: this.#startedAtMs, outcome: 'answered' })
    // A drain that began after the head was sent could not be announced in it.
    if (bodyUnread || this.#answer.closes || this.#connection.door.isDraining()) this.#close()
    else this.#awaitNext()
  }

  #awaitNext(): void {
    this.#head = undefined
    this.#reading = undefined
    this.#bodyPaused = false
    this.#startedAtMs = 0
    this.#connection.awaitWithin(this.#connection.door.limits.keepAliveIdleTimeoutMs)
    if (this.#connection.socket.isPaused()) this.#connection.socket.resume()
    if (this.#held !== undefined) process.nextTick(() => this.#advance())
  }

  // Answers of the gateway's own.

  #answerDenial(denial: Denial): void {
    const { door } = this.#connection
    const page = door.pages.denial({
      denial,
      requestId: this.#requestId,
      alternateAuthorities: door.alternateAuthorities,
      authority: this.#head?.host ?? '',
      ...pagePreferences(this.#head?.fields ?? []),
    })
    this.#answer.closes = true
    this.#answerPage(page, denial.reason, { more: denial.reason === 'trust_data_stale' ? ['Retry-After', '5'] : [] })
  }

  #answerFault(code: FaultCode, exchange?: Exchange): void {
    const { door } = this.#connection
    door.metrics.fault(code)
    // After a fault of the client's nobody knows where its next request begins; after one of ours the body may be unread.
    if (faults[code].origin === 'client' || this.#reading !== undefined) this.#answer.closes = true
    const page = door.pages.fault({ code, requestId: this.#requestId, ...pagePreferences(this.#head?.fields ?? []) })
    this.#answerPage(page, code, { more: page.status === 503 ? ['Retry-After', '5'] : [], exchange })
  }

  #answerPage(page: Page, outcome: string, { more = [], exchange }: PageDetail = {}): void {
    const head = this.#head
    if (head !== undefined && head.framing.kind !== 'none' && exchange === undefined) this.#answer.closes = true
    const bodyBytes = this.#answer.page(page, more)
    const answered = { status: page.status, bodyBytes, startedAtMs: this.#startedAtMs, outcome }
    if (exchange !== undefined) {
      recordExchange(this.#connection, exchange, answered)
    } else {
      recordOutcome(this.#connection, {
        ...answered,
        requestId: this.#requestId,
        method: head?.method ?? '',
        host: head?.host ?? '',
        target: head?.target ?? '',
        upstreamMs: undefined,
        route: outcome === 'own' ? 'own' : 'refused',
      })
    }
    if (this.#answer.closes) this.#close()
    else this.#awaitNext()
  }

  /** Closes after the last answer: our side ends, and what the client still sends is read and dropped for a moment. */
  #close(): void {
    if (this.#closing) return
    this.#closing = true
    this.#held = undefined
    this.#reading = undefined
    this.#connection.awaitWithin(lingerMs)
    this.#connection.door.batch.flush()
    this.#connection.socket.end()
    if (this.#connection.socket.isPaused()) this.#connection.socket.resume()
  }
}

type PageDetail = { readonly more?: FieldList; readonly exchange?: Exchange | undefined }

/** A CRLF, or its beginning. */
function isEmptyLine(bytes: Buffer): boolean {
  return bytes[0] === 0x0d && (bytes.length === 1 || (bytes.length === 2 && bytes[1] === 0x0a))
}
