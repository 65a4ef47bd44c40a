import { BodyReader, type BodySink } from '../../src/data-path/http1/body-reader.ts'
import { type HeadFault, type HeadLimits, parseRequestHead } from '../../src/data-path/http1/request-head.ts'
import type { Reading, ReadMessage } from './reading.ts'

export const fuzzLimits = {
  targetBytesMax: 512,
  headBytesMax: 6_000,
  headFieldsMax: 20,
  trailerBytesMax: 256,
  chunkExtensionBytesMax: 24,
  knownMethods: new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) as ReadonlySet<string>,
} satisfies HeadLimits & Record<string, unknown>

/** Reads a connection's bytes with the product's own parser, in the pieces given. */
export function readWithOurs(pieces: readonly Buffer[]): Reading {
  const messages: ReadMessage[] = []
  let pending: Buffer = Buffer.alloc(0)
  let body: { reader: BodyReader; sink: BodySink; message: ReadMessage } | undefined
  let end: 'closed' | 'upgrade' | undefined

  const step = (): 'again' | 'wait' | HeadFault => {
    if (body === undefined) {
      const head = parseRequestHead(pending, 0, fuzzLimits)
      if (head === undefined) return 'wait'
      if ('fault' in head) return head
      const { method, target, minorVersion, fields, persistent } = head
      const message: ReadMessage = {
        method,
        target,
        minorVersion,
        fields,
        persistent,
        body: '',
        trailers: [],
        complete: false,
      }
      messages.push(message)
      body = { reader: new BodyReader(head.framing, fuzzLimits), sink: sinkOf(message), message }
      pending = pending.subarray(head.byteLength)
    }
    const offset = body.reader.feed(pending, 0, body.sink)
    if (typeof offset !== 'number') return offset
    pending = pending.subarray(offset)
    if (!body.reader.done) return 'wait'
    body.message.complete = true
    if (!body.message.persistent) end = 'closed'
    else if (asksForUpgrade(body.message)) end = 'upgrade'
    body = undefined
    return end === undefined ? 'again' : 'wait'
  }

  for (const piece of pieces) {
    pending = pending.length === 0 ? piece : Buffer.concat([pending, piece])
    let result = step()
    while (result === 'again') result = step()
    if (typeof result !== 'string') {
      return { messages, end: 'fault', fault: `${result.fault}: ${result.detail}` }
    }
    if (end !== undefined) return { messages, end, fault: undefined }
  }
  const isBoundary = body === undefined && pending.length === 0
  return { messages, end: isBoundary ? 'boundary' : 'waiting', fault: undefined }
}

/** As llhttp sees it, with or without a body and whatever the protocol. */
function asksForUpgrade(message: ReadMessage): boolean {
  let isNamed = false
  let isNominated = false
  for (let i = 0; i < message.fields.length; i += 2) {
    const name = (message.fields[i] as string).toLowerCase()
    if (name === 'upgrade') isNamed = true
    if (name.endsWith('connection') && /(^|[ ,])upgrade/i.test(message.fields[i + 1] as string)) isNominated = true
  }
  return isNamed && isNominated
}

function sinkOf(message: ReadMessage): BodySink {
  return {
    data: (chunk) => {
      message.body += chunk.toString('latin1')
    },
    end: (trailers) => {
      message.trailers = trailers
    },
  }
}
