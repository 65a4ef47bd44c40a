import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** One request as it reached the application behind the gateway. */
export type AppVisit = {
  readonly method: string
  readonly path: string
  readonly loginId: string
  readonly headers: IncomingMessage['headers']
  /** Bytes of the request body so far. */
  bodyBytes: number
  /** Whether its connection from the gateway has ended. */
  closed: boolean
}

export type JudgingApp = { readonly port: number; readonly visits: readonly AppVisit[]; stop(): Promise<void> }

/**
 * An application that answers `/` with the login ID it was given, sends without end on `/stream`, never answers on
 * `/hold`, takes an upload on `/upload`, and remembers who came.
 */
export async function startJudgingApp(): Promise<JudgingApp> {
  const visits: AppVisit[] = []
  const bySocket = new WeakMap<Socket, AppVisit[]>()
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request
    const visit: AppVisit = {
      method,
      path,
      loginId: String(headers['sekisho-login-id'] ?? ''),
      headers,
      bodyBytes: 0,
      closed: false,
    }
    visits.push(visit)
    bySocket.get(request.socket)?.push(visit)
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => {
      visit.bodyBytes += chunk.length
    })
    answer(visit, response)
  })
  server.on('connection', (socket) => {
    const own: AppVisit[] = []
    bySocket.set(socket, own)
    socket.once('close', () => {
      for (const visit of own) visit.closed = true
    })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    visits,
    stop: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function answer(visit: AppVisit, response: ServerResponse): void {
  switch (visit.path) {
    case '/hold':
    case '/upload':
      return
    case '/stream': {
      response.writeHead(200, { 'content-type': 'application/octet-stream' })
      const chunk = Buffer.alloc(16_384, 'x')
      const pump = () => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', pump)
      pump()
      return
    }
    default: {
      const body = `login ID ${visit.loginId}`
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) })
      response.end(body)
    }
  }
}
