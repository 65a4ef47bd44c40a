import { createServer, type IncomingMessage, type Server } from 'node:http'
import { Duplex } from 'node:stream'
import type { Reading, ReadMessage } from './reading.ts'

/** A connection without a network: bytes are given by emitting `data`, answers go nowhere. */
class DeafSocket extends Duplex {
  readonly messages: ReadMessage[] = []
  fault: string | undefined
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done()
  }
}

/** Reads connections with Node's own HTTP server, that is with llhttp in its strict mode. */
export type NodeReader = {
  read(pieces: readonly Buffer[]): Reading
  close(): void
}

export function createNodeReader(): NodeReader {
  const server: Server = createServer({
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: 65_536,
    keepAliveTimeout: 0,
    requestTimeout: 0,
    headersTimeout: 0,
  })
  server.maxHeadersCount = 0
  server.timeout = 0
  server.on('request', (request, response) => {
    record(request, response.shouldKeepAlive)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const deaf = socket as unknown as DeafSocket
    deaf.fault ??= `${error.code}: ${(error as { reason?: string }).reason ?? error.message}`
  })

  return {
    read(pieces) {
      const socket = new DeafSocket()
      socket.on('error', () => {})
      server.emit('connection', socket)
      for (const piece of pieces) {
        if (socket.fault !== undefined || socket.destroyed) break
        // Emitting is synchronous, unlike push(): a whole connection is read within this call.
        socket.emit('data', piece)
      }
      const { messages, fault } = socket
      socket.destroy()
      const last = messages.at(-1)
      const closed = last?.complete === true && !last.persistent
      return { messages, end: closed ? 'closed' : fault !== undefined ? 'fault' : 'waiting', fault }
    },
    close() {
      server.removeAllListeners()
    },
  }
}

function record(request: IncomingMessage, persistent: boolean): void {
  const socket = request.socket as unknown as DeafSocket
  const message: ReadMessage = {
    method: request.method ?? '',
    target: request.url ?? '',
    minorVersion: request.httpVersionMinor,
    fields: request.rawHeaders,
    persistent,
    body: '',
    trailers: [],
    complete: false,
  }
  socket.messages.push(message)
  // The server hands body bytes, and null at the end of the message, to push() while it parses.
  request.push = (chunk: Buffer | null) => {
    if (chunk === null) {
      message.complete = request.complete
      message.trailers = request.rawTrailers
    } else {
      message.body += chunk.toString('latin1')
    }
    return true
  }
}
