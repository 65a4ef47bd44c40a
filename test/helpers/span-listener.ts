import { fileURLToPath } from 'node:url'
import { BroadcastChannel } from 'node:worker_threads'
import { eventually } from './eventually.ts'
import type { EndedSpan } from './span-provider.ts'

export type { EndedSpan }

/** What to configure as `tracing.module`, so that spans are heard. */
export const spanProviderFile = fileURLToPath(new URL('./span-provider.ts', import.meta.url))

/** Hears of every span that ends in a data worker of this process. */
export class SpanListener {
  readonly spans: EndedSpan[] = []
  flushes = 0
  readonly #channel = new BroadcastChannel('sekisho-test-spans')

  constructor() {
    this.#channel.onmessage = (message: unknown) => {
      const { data } = message as { data: EndedSpan | 'flushed' }
      if (data === 'flushed') this.flushes++
      else this.spans.push(data)
    }
  }

  /** The spans that fit, once there are so many (default one). */
  async find(fits: (span: EndedSpan) => boolean, count = 1): Promise<readonly EndedSpan[]> {
    return eventually(
      () => this.spans.filter(fits),
      (found) => found.length >= count,
    )
  }

  /** The spans of one trace, once the one of its request is among them. */
  async ofTrace(traceId: string): Promise<readonly EndedSpan[]> {
    await this.find((span) => span.traceId === traceId && span.kind === 1)
    return this.spans.filter((span) => span.traceId === traceId)
  }

  close(): void {
    this.#channel.close()
  }
}
