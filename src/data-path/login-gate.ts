import type { FaultCode } from '../base/errors.ts'
import { judgePasswordLogin } from '../trust/password-access.ts'
import { noCertificateKey } from '../x509/certificate-key.ts'
import type { ClientConnection } from './client-connection.ts'
import type { ClientStream, ResponseStart } from './client-stream.ts'
import type { Exchange } from './exchange.ts'
import { HeldBytes } from './held-bytes.ts'
import type { BodySink } from './http1/body-reader.ts'
import type { FieldList } from './http1/field-list.ts'
import { readLoginBody } from './login-body.ts'
import type { LoginReading } from './login-field.ts'
import type { LoginAttempt } from './login-rules.ts'
import type { LoginRefusal, PasswordVisit } from './password-visit.ts'
import type { ForwardRequest } from './request-headers.ts'

/** Login IDs of a directory are visible ASCII: what is not is nobody's, and is not looked up. */
const loginIdPattern = /^[\x21-\x7e]{1,64}$/

/**
 * Where a login stands. `reading`: its body is on its way. `asking`: it is here, and the directory is being asked whose the login ID is.
 * `passed`: it is given to the exchange. `over`: it was refused.
 */
type Stage = 'reading' | 'asking' | 'passed' | 'over'

/**
 * Stands before the exchange of a login with ID and password (R21, R22): holds the body, reads its login ID, and starts the exchange
 * only for a user whose contract is in password mode. The body then goes out as it came.
 *
 * Towards the client it is the stream of the exchange, because a body that is here whole waits here when the exchange says so.
 */
export class LoginGate implements BodySink, ClientStream {
  readonly #attempt: LoginAttempt
  readonly #connection: ClientConnection
  readonly #client: ClientStream
  readonly #visit: PasswordVisit
  readonly #request: ForwardRequest
  #exchange: Exchange | undefined
  #stage: Stage = 'reading'
  readonly #held = new HeldBytes()
  #trailers: FieldList = []
  #paused = false

  constructor(options: {
    attempt: LoginAttempt
    connection: ClientConnection
    client: ClientStream
    visit: PasswordVisit
    request: ForwardRequest
  }) {
    this.#attempt = options.attempt
    this.#connection = options.connection
    this.#client = options.client
    this.#visit = options.visit
    this.#request = options.request
  }

  /** To be called once, before anything else. */
  guard(exchange: Exchange): void {
    this.#exchange = exchange
    exchange.gate = this
  }

  start(): void {
    const { kind } = this.#attempt
    const { framing, expectsContinue } = this.#request
    // The body of one that is refused is awaited all the same: some clients take no answer before they have sent it.
    const awaitsBody = framing.kind === 'chunked' || (framing.kind === 'length' && framing.bytes > 0)
    if (kind === 'too_large') this.#refuseSize()
    else if (kind === 'unreadable' && (!awaitsBody || expectsContinue)) this.#read()
    else {
      // One deadline for all of it: it is small.
      this.#client.awaitWithin(this.#connection.door.limits.bodyIdleTimeoutMs)
      // The client waits to be told that the body is wanted (RFC 9110 10.1.1).
      if (expectsContinue) this.#client.respondInformational(100, 'Continue', [])
    }
  }

  data(chunk: Buffer): void {
    if (this.#stage !== 'reading') return
    if (this.#held.length + chunk.length > this.#attempt.rule.bodyBytesMax) this.#refuseSize()
    else this.#held.add(Buffer.from(chunk))
  }

  end(trailers: FieldList): void {
    if (this.#stage !== 'reading') return
    this.#trailers = trailers
    this.#read()
  }

  bodyFault(code: FaultCode): void {
    this.#stage = 'over'
    this.#exchange?.bodyFault(code)
  }

  expired(): void {
    if (this.#stage === 'passed') this.#exchange?.expired()
    else if (this.#stage === 'asking')
      this.#refuse({ code: 'store_unavailable', detail: 'the directory did not answer' })
    else this.bodyFault('body_idle_timeout')
  }

  #read(): void {
    const reading = readAttempt(this.#attempt, this.#held.join() ?? Buffer.alloc(0))
    if ('unreadable' in reading) {
      this.#refuse({ code: 'login_request_unreadable', detail: reading.unreadable })
      return
    }
    this.#ask(reading.loginId)
  }

  #ask(loginId: string): void {
    this.#stage = 'asking'
    const { directory } = this.#connection.door
    if (!loginIdPattern.test(loginId)) {
      this.#judge(loginId, { user: undefined, certificateRegistered: false })
      return
    }
    const question = { loginId, certificateKey: noCertificateKey }
    const remembered = directory?.remembered(question, this.#connection.door.clock.nowMs())
    if (remembered !== undefined || directory === undefined) {
      this.#judge(loginId, remembered ?? 'unavailable')
      return
    }
    this.#client.awaitWithin(this.#connection.door.limits.upstreamResponseTimeoutMs)
    directory.lookUp(question).then(
      (answer) => this.#judge(loginId, answer),
      () => this.#judge(loginId, 'unavailable'),
    )
  }

  /** Judges and registers in one turn of the event loop: a switch is either seen here, or finds the connection registered. */
  #judge(loginId: string, answer: Parameters<typeof judgePasswordLogin>[0]['answer']): void {
    // The client may have gone, or been cut, while the directory was asked.
    if (this.#stage !== 'asking' || this.#exchange?.phase === 'ended') return
    const { door } = this.#connection
    door.clock.refresh()
    const { passUnknown } = this.#visit.logins
    const verdict = judgePasswordLogin({ loginId, answer, passUnknown }, door.trust)
    if (verdict.kind === 'refused') {
      const code = verdict.reason === 'trust_data_stale' ? 'store_unavailable' : 'login_method_mismatch'
      this.#refuse({ ...verdict, code })
      return
    }
    if (this.#visit.logIn(verdict.kind === 'access' ? verdict.access : undefined)) this.#pass()
  }

  #pass(): void {
    this.#stage = 'passed'
    this.#exchange?.start()
    if (!this.#paused) this.#release()
  }

  /** What was held goes to the exchange, which has somewhere to send it now. */
  #release(): void {
    const body = this.#held.join()
    if (body === undefined || this.#exchange?.phase === 'ended') return
    this.#held.clear()
    this.#exchange?.data(body)
    this.#exchange?.end(this.#trailers)
  }

  #refuseSize(): void {
    this.#refuse({ code: 'body_too_large', detail: `larger than ${this.#attempt.rule.bodyBytesMax} bytes` })
  }

  /** Audited (R25) by its own reason, whatever the page says. */
  #refuse(refusal: LoginRefusal): void {
    this.#visit.recordRefusal(refusal)
    this.bodyFault(refusal.code)
  }

  // Towards the client, called by the exchange.

  pauseBody(): void {
    this.#paused = true
  }

  resumeBody(): void {
    if (!this.#paused) return
    this.#paused = false
    process.nextTick(() => {
      if (!this.#paused) this.#release()
    })
  }

  respondInformational(status: number, reason: string, fields: FieldList): void {
    this.#client.respondInformational(status, reason, fields)
  }

  respond(start: ResponseStart): void {
    this.#client.respond({ ...start, fields: [...start.fields, ...this.#visit.rebound()] })
  }

  switchProtocols(fields: FieldList): number | undefined {
    return this.#client.switchProtocols(fields)
  }

  writeBody(chunk: Buffer): void {
    this.#client.writeBody(chunk)
  }

  endBody(trailers: FieldList): void {
    this.#client.endBody(trailers)
  }

  flush(): boolean {
    return this.#client.flush()
  }

  stillPermitted(): boolean {
    return this.#client.stillPermitted()
  }

  awaitWithin(durationMs: number): void {
    this.#client.awaitWithin(durationMs)
  }

  respondFault(code: FaultCode): void {
    this.#client.respondFault(code)
  }

  abort(code: FaultCode): void {
    this.#client.abort(code)
  }

  exchangeEnded(bodyUnread: boolean): void {
    this.#client.exchangeEnded(bodyUnread)
  }
}

function readAttempt(attempt: LoginAttempt, body: Buffer): LoginReading {
  if (attempt.kind !== 'readable') return { unreadable: attempt.kind === 'unreadable' ? attempt.detail : 'too large' }
  return readLoginBody(body, attempt.type, attempt.rule.loginIdField)
}
