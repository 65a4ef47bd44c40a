import type { BodyFraming } from './http1/body-framing.ts'
import { type BodyLimits, BodyReader, type BodySink } from './http1/body-reader.ts'
import { fieldClass } from './http1/field-class.ts'
import type { FieldList } from './http1/field-list.ts'
import type { HeadFault, HeadLimits } from './http1/head-fault.ts'
import { parseResponseHead, type ResponseHead } from './http1/response-head.ts'
import type { ForwardRequest } from './request-headers.ts'

const noTrailers: FieldList = []

/** Interim answers before the final one; an application that sends more is taken to be out of order. */
const interimAnswersMax = 16

/** Whose answer is read: told of each part as it comes. */
export type AnswerOwner = {
  /** `webSocket`: it asked to switch; otherwise a 101 is out of order. */
  readonly request: Pick<ForwardRequest, 'method' | 'webSocket'>
  readonly headLimits: HeadLimits
  readonly limits: BodyLimits
  /** A 1xx answer but 101. */
  answerInterim(head: ResponseHead): void
  answerHead(head: ResponseHead): void
  /** A piece of the body; valid during the call only. */
  answerData(chunk: Buffer): void
  answerEnded(trailers: FieldList): void
  /** A 101 to WebSocket. Every byte behind it is given to `answerData`. Returns false when the client cannot take it. */
  answerSwitched(head: ResponseHead): boolean
}

/** Where an answer stands: more is to come; it has ended; it has ended and there were bytes too many behind it. */
export type AnswerState = 'more' | 'done' | 'surplus'

/** Reads one answer of the application from pieces of any size: interim heads, the final head, the body. */
export class UpstreamAnswer implements BodySink {
  /** The final head, once it is here. */
  head: ResponseHead | undefined
  /** Whether any byte of the answer has come. */
  begun = false
  readonly #owner: AnswerOwner
  #partialHead: Buffer | undefined
  #reader: BodyReader | undefined
  #interims = 0
  #switched = false

  constructor(owner: AnswerOwner) {
    this.#owner = owner
  }

  /** Reads on. Every fault means that nothing behind it can be understood. */
  feed(bytes: Buffer): AnswerState | HeadFault {
    this.begun = true
    if (this.#reader !== undefined) return this.#feedBody(this.#reader, bytes, 0)
    if (this.#switched) {
      this.#owner.answerData(bytes)
      return 'more'
    }
    const all = this.#partialHead === undefined ? bytes : Buffer.concat([this.#partialHead, bytes])
    this.#partialHead = undefined
    return this.#readHeads(all)
  }

  #readHeads(bytes: Buffer): AnswerState | HeadFault {
    let at = 0
    for (;;) {
      const head = parseResponseHead(bytes, at, this.#owner.request.method, this.#owner.headLimits)
      if (head === undefined) {
        // The buffer is the pool's: what is kept is copied.
        if (at < bytes.length) this.#partialHead = Buffer.from(bytes.subarray(at))
        return 'more'
      }
      if ('fault' in head) return head
      at += head.byteLength
      if (head.status === 101) return this.#switch(head, bytes.subarray(at))
      if (head.status >= 200) {
        this.head = head
        this.#owner.answerHead(head)
        return this.#beginBody(head.framing, bytes, at)
      }
      if (++this.#interims > interimAnswersMax) return malformed(`More than ${interimAnswersMax} interim answers`)
      this.#owner.answerInterim(head)
    }
  }

  #switch(head: ResponseHead, rest: Buffer): AnswerState | HeadFault {
    if (!this.#owner.request.webSocket) return malformed('101 was not asked for')
    if (!switchesToWebSocket(head)) return malformed('A 101 to something else than WebSocket')
    this.head = head
    this.#switched = true
    if (!this.#owner.answerSwitched(head)) return malformed('A 101 that does not fit the request')
    if (rest.length > 0) this.#owner.answerData(rest)
    return 'more'
  }

  #beginBody(framing: BodyFraming, bytes: Buffer, offset: number): AnswerState | HeadFault {
    // Most answers are short and here whole.
    if (framing.kind === 'length' && framing.bytes > 0 && framing.bytes === bytes.length - offset) {
      this.#owner.answerData(bytes.subarray(offset))
      this.#owner.answerEnded(noTrailers)
      return 'done'
    }
    this.#reader = new BodyReader(framing, this.#owner.limits)
    return this.#feedBody(this.#reader, bytes, offset)
  }

  #feedBody(reader: BodyReader, bytes: Buffer, offset: number): AnswerState | HeadFault {
    const after = reader.feed(bytes, offset, this)
    if (typeof after !== 'number') return after
    if (!reader.done) return 'more'
    return after === bytes.length ? 'done' : 'surplus'
  }

  data(chunk: Buffer): void {
    this.#owner.answerData(chunk)
  }

  end(trailers: FieldList): void {
    this.#owner.answerEnded(trailers)
  }
}

/** RFC 6455 4.1: Upgrade names WebSocket and Connection nominates it. */
function switchesToWebSocket({ fields, classes, connectionNominated }: ResponseHead): boolean {
  const at = classes.indexOf(fieldClass.upgrade)
  return at >= 0 && fields[at * 2 + 1]?.toLowerCase() === 'websocket' && connectionNominated.includes('upgrade')
}

function malformed(detail: string): HeadFault {
  return { fault: 'upstream_response_malformed', detail }
}
