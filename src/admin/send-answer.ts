import type { ServerResponse } from 'node:http'
import { GatewayError } from '../base/errors.ts'
import type { Problem } from './problem.ts'

/** How a `StreamedAnswer` is written. */
export type StreamFormat = { readonly contentType: string; textOf(item: unknown): string }

const ndjson: StreamFormat = { contentType: 'application/x-ndjson', textOf: lineOf }

/** An answer that is told piece by piece while the work goes on, by default one JSON text a line (application/x-ndjson). */
export class StreamedAnswer {
  readonly items: AsyncGenerator<unknown, unknown>
  /**
   * What is told last when the work fails after the first item was told. Undefined: nothing can be told, and the connection ends before
   * the answer does.
   */
  readonly last: ((problem: Problem) => unknown) | undefined
  readonly format: StreamFormat

  constructor(
    items: AsyncGenerator<unknown, unknown>,
    last: ((problem: Problem) => unknown) | undefined,
    format: StreamFormat = ndjson,
  ) {
    this.items = items
    this.last = last
    this.format = format
  }
}

export type AnswerHead = { readonly status: number; readonly requestId: string; readonly contentType: string }

/** Sends an answer whole; `end` comes after it. */
export function sendWhole(response: ServerResponse, answer: AnswerHead & { readonly body: unknown }): void {
  const body = Buffer.from(JSON.stringify(answer.body ?? null))
  response.writeHead(answer.status, { ...headersOf(answer), 'Content-Length': body.length })
  response.write(body)
}

/**
 * Sends items as they come, no faster than they are read; `end` comes after it. Resolves when all are sent; when the
 * client goes away, or reads nothing for `idleMs`, the work is ended where it stands. The first item decides: what it throws is
 * thrown before anything is sent. `failed` makes the problem of what is thrown later.
 */
export async function sendStreamed(
  response: ServerResponse,
  answer: StreamedAnswer,
  options: { readonly requestId: string; readonly idleMs: number; readonly failed: (error: unknown) => Problem },
): Promise<void> {
  const { requestId, idleMs, failed } = options
  let next = await answer.items.next()
  response.writeHead(200, headersOf({ status: 200, requestId, contentType: answer.format.contentType }))
  try {
    while (next.done !== true) {
      await sendText(response, answer.format.textOf(next.value), idleMs)
      next = await answer.items.next()
    }
  } catch (error) {
    const problem = failed(error)
    if (answer.last === undefined) response.destroy()
    else if (!response.destroyed) response.write(answer.format.textOf(answer.last(problem)))
    await answer.items.return(undefined)
  }
}

async function sendText(response: ServerResponse, text: string, idleMs: number): Promise<void> {
  if (response.destroyed) throw gone('the client has gone away')
  const { promise, resolve } = Promise.withResolvers<'written' | 'close' | 'idle'>()
  // Not by 'drain': Node may never say it where a text that is not ASCII was written.
  if (response.write(Buffer.from(text), () => resolve('written'))) return
  const onClose = () => resolve('close')
  const timer = setTimeout(() => resolve('idle'), idleMs)
  response.on('close', onClose)
  const end = await promise
  response.off('close', onClose)
  clearTimeout(timer)
  if (end === 'written') return
  response.destroy()
  throw gone(end === 'idle' ? `the client reads nothing for ${idleMs / 1_000} seconds` : 'the client has gone away')
}

function lineOf(item: unknown): string {
  return `${JSON.stringify(item)}\n`
}

function gone(why: string): GatewayError {
  return new GatewayError('admin_request_invalid', `Cannot go on with the answer: ${why}`)
}

function headersOf({ contentType, requestId }: AnswerHead): Record<string, string> {
  return {
    'Content-Type': contentType,
    'Cache-Control': 'no-store',
    'Content-Security-Policy': `default-src 'none'`,
    'X-Content-Type-Options': 'nosniff',
    'Sekisho-Request-Id': requestId,
  }
}
