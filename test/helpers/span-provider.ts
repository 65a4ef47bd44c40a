// A tracer provider of the tests' own, loaded into data workers as an operator's `tracing.module`. What has ended is told to whoever
// listens in this process; see `span-listener.ts`.
import { randomBytes } from 'node:crypto'
import { BroadcastChannel } from 'node:worker_threads'
import {
  type Attributes,
  type AttributeValue,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  type SpanOptions,
  type SpanStatus,
  type TimeInput,
  trace,
} from '@opentelemetry/api'

export const spanChannel = 'sekisho-test-spans'

/** A span that has ended. Times in milliseconds since the epoch. */
export type EndedSpan = {
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly traceState: string | undefined
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly attributes: Attributes
  readonly status: number
  readonly startMs: number
  readonly endMs: number
}

const channel = new BroadcastChannel(spanChannel)
channel.unref()

class KeptSpan implements Span {
  readonly #name: string
  readonly #options: SpanOptions
  readonly #context: SpanContext
  readonly #parent: SpanContext | undefined
  readonly #attributes: Attributes
  #links: Link[]
  #status: SpanStatus = { code: 0 }
  #ended = false

  constructor(name: string, options: SpanOptions, parent: SpanContext | undefined) {
    this.#name = name
    this.#options = options
    this.#parent = parent
    this.#attributes = { ...options.attributes }
    this.#links = [...(options.links ?? [])]
    const state = parent?.traceState
    this.#context = {
      traceId: parent?.traceId ?? randomBytes(16).toString('hex'),
      spanId: randomBytes(8).toString('hex'),
      traceFlags: 1,
      ...(state && { traceState: state }),
    }
  }

  spanContext(): SpanContext {
    return this.#context
  }

  setAttribute(key: string, value: AttributeValue): this {
    this.#attributes[key] = value
    return this
  }

  setAttributes(attributes: Attributes): this {
    Object.assign(this.#attributes, attributes)
    return this
  }

  addEvent(): this {
    return this
  }

  addLink(link: Link): this {
    this.#links = [...this.#links, link]
    return this
  }

  addLinks(links: Link[]): this {
    this.#links = [...this.#links, ...links]
    return this
  }

  setStatus(status: SpanStatus): this {
    this.#status = status
    return this
  }

  updateName(): this {
    return this
  }

  end(endTime?: TimeInput): void {
    if (this.#ended) throw new Error(`The span ${this.#name} has ended before`)
    this.#ended = true
    const { traceId, spanId, traceState } = this.#context
    const span: EndedSpan = {
      name: this.#name,
      kind: this.#options.kind ?? 0,
      traceId,
      spanId,
      parentSpanId: this.#parent?.spanId,
      traceState: traceState?.serialize(),
      links: this.#links.map(({ context }) => ({ traceId: context.traceId, spanId: context.spanId })),
      attributes: this.#attributes,
      status: this.#status.code,
      startMs: Number(this.#options.startTime),
      endMs: Number(endTime),
    }
    channel.postMessage(span)
  }

  isRecording(): boolean {
    return !this.#ended
  }

  recordException(): void {}
}

trace.setGlobalTracerProvider({
  getTracer: () => ({
    startSpan: (name: string, options: SpanOptions = {}, context?: Context) =>
      new KeptSpan(name, options, options.root || !context ? undefined : trace.getSpanContext(context)),
    startActiveSpan: () => {
      throw new Error('Not used here')
    },
  }),
})

/** As an SDK would send what it has gathered. */
export async function flush(): Promise<void> {
  channel.postMessage('flushed')
}
