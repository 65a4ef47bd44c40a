import { once } from 'node:events'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { subjectOf, type TestCertificate } from './test-ca.ts'
import type { RunningGateway } from './with-gateway.ts'

/**
 * What every kind of real client (Node here, `openssl s_client`, curl) is asked to do and tells afterwards, so that one
 * table of cases can be tried with all of them.
 */

export type TlsVersion = '1.2' | '1.3'

export type Visit = {
  readonly port: number
  readonly certificate?: TestCertificate | undefined
  /** What the client sends as its certificates; default the certificate alone. */
  readonly chainPem?: string
  readonly tlsVersion?: TlsVersion
  readonly path?: string
  /** SNI. Default `localhost`. */
  readonly serverName?: string
  /** Host field. Default SNI and port. */
  readonly host?: string
  /** Accept field. Default JSON. */
  readonly accept?: string
}

export type Answer = {
  readonly kind: 'answer'
  readonly status: number
  /** `reason` of the problem details, where the answer is one. */
  readonly reason: string | undefined
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Whether the TLS session was resumed. */
  readonly resumed: boolean
}

/** The client got no answer: the handshake failed, or the connection ended. */
export type Failure = { readonly kind: 'failure'; readonly detail: string }
export type Visited = Answer | Failure

/** What a test compares: the reason of a refusal, else the status, else `failure`. */
export function verdictOf(visited: Visited): string {
  if (visited.kind === 'failure') return 'failure'
  return visited.reason ?? String(visited.status)
}

export function requestText(visit: Visit, connection: 'close' | 'keep-alive' = 'close'): string {
  const host = visit.host ?? `${visit.serverName ?? 'localhost'}:${visit.port}`
  const accept = visit.accept ?? 'application/json'
  return `GET ${visit.path ?? '/'} HTTP/1.1\r\nHost: ${host}\r\nAccept: ${accept}\r\nConnection: ${connection}\r\n\r\n`
}

/** The first complete answer with a Content-Length in these bytes; undefined if there is none yet. */
export function parseAnswer(bytes: Buffer, resumed: boolean): { answer: Answer; byteLength: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  const byteLength = headEnd + 4 + Number(headers['content-length'] ?? 0)
  if (bytes.length < byteLength) return undefined
  const body = bytes.toString('utf8', headEnd + 4, byteLength)
  const isProblem = headers['content-type']?.startsWith('application/problem+json') === true
  const reason = isProblem ? (JSON.parse(body) as { reason: string }).reason : undefined
  return {
    answer: { kind: 'answer', status: Number(statusLine.split(' ')[1]), reason, headers, body, resumed },
    byteLength,
  }
}

function connectOptions(visit: Visit, more: ConnectionOptions): ConnectionOptions {
  const { certificate, tlsVersion } = visit
  return {
    host: '127.0.0.1',
    port: visit.port,
    servername: visit.serverName ?? 'localhost',
    rejectUnauthorized: false,
    // Clients may hold weak keys: it is the gateway that has to refuse them.
    ciphers: 'DEFAULT@SECLEVEL=0',
    ...(certificate && { cert: visit.chainPem ?? certificate.certificatePem, key: certificate.keyPem }),
    ...(tlsVersion && { minVersion: `TLSv${tlsVersion}`, maxVersion: `TLSv${tlsVersion}` }),
    ...more,
  }
}

export type NodeVisited = { readonly visited: Visited; readonly session: Buffer | undefined }

/** One request on a connection of its own, with Node's TLS; with the last session the gateway offered. */
export async function visitWithNode(visit: Visit, more: ConnectionOptions = {}): Promise<NodeVisited> {
  const socket = connect(connectOptions(visit, more))
  let session: Buffer | undefined
  let detail = 'closed without an answer'
  let resumed = false
  const chunks: Buffer[] = []
  socket.on('session', (latest) => {
    session = latest
  })
  socket.once('secureConnect', () => {
    resumed = socket.isSessionReused()
    socket.write(requestText(visit))
  })
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', (error) => {
    detail = error.message
  })
  await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const parsed = parseAnswer(Buffer.concat(chunks), resumed)
  return { visited: parsed?.answer ?? { kind: 'failure', detail }, session }
}

/** A connection that stays open between requests. */
export class LiveClient {
  readonly socket: TLSSocket
  readonly #visit: Visit
  #bytes = Buffer.alloc(0)
  #received = 0
  #closed = false
  #discarding = false
  /** Told of whatever happens next on the connection. */
  #waiting: (() => void)[] = []

  private constructor(socket: TLSSocket, visit: Visit) {
    this.socket = socket
    this.#visit = visit
    socket.on('data', (chunk) => {
      this.#received += chunk.length
      if (!this.#discarding) this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#tell()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#closed = true
      this.#tell()
    })
  }

  /** Rejects if the handshake fails. Nothing has been asked of the gateway yet. */
  static async connect(visit: Visit, more: ConnectionOptions = {}): Promise<LiveClient> {
    const socket = connect(connectOptions(visit, more))
    const client = new LiveClient(socket, visit)
    await once(socket, 'secureConnect')
    return client
  }

  /** Whether the connection has ended, by whichever side. */
  get closed(): boolean {
    return this.#closed
  }

  /** Bytes of all answers so far. */
  get receivedBytes(): number {
    return this.#received
  }

  write(text: string): void {
    this.socket.write(text)
  }

  /** Sends a request and reads its answer; a failure once the connection has ended. */
  async request(path = '/'): Promise<Visited> {
    if (!this.#closed) this.socket.write(requestText({ ...this.#visit, path }, 'keep-alive'))
    return await this.answer()
  }

  /** The next answer that has a Content-Length. */
  async answer(): Promise<Visited> {
    for (;;) {
      const parsed = parseAnswer(this.#bytes, this.socket.isSessionReused())
      if (parsed !== undefined) {
        this.#bytes = this.#bytes.subarray(parsed.byteLength)
        return parsed.answer
      }
      if (this.#closed) return { kind: 'failure', detail: 'the connection has ended' }
      await this.#next()
    }
  }

  /** Resolves when the connection has ended. */
  async ended(): Promise<void> {
    while (!this.#closed) await this.#next()
  }

  /** Resolves when this many bytes of answers have come in all; rejects if the connection ends before. They are not kept. */
  async received(bytes: number): Promise<void> {
    this.#discarding = true
    this.#bytes = Buffer.alloc(0)
    while (this.#received < bytes) {
      if (this.#closed) throw new Error(`The connection ended after ${this.#received} bytes`)
      await this.#next()
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** A person with an operator certificate, speaking to the admin API. */
export type Operator = {
  call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<{ status: number; body: AdminBody }>
}

/** An answer of the admin API as a test looks at it. */
// biome-ignore lint/suspicious/noExplicitAny: each test knows the shape it asked for
export type AdminBody = any

/** An operator with these roles. Default `security`. */
export function operatorOf(
  gateway: Pick<RunningGateway, 'operatorsCa' | 'ports'>,
  roles: readonly string[] = ['security'],
): Operator {
  const units = roles.map((value) => ({ oid: '2.5.4.11', value }))
  const [country, organization, name] = subjectOf('operator-01') as [never, never, never]
  const certificate = gateway.operatorsCa.issueClient({
    commonName: 'operator-01',
    subject: [country, organization, ...units, name],
  })
  return {
    call: async (method, path, body) => {
      const text = body === undefined ? '' : JSON.stringify(body)
      const client = await LiveClient.connect({ port: gateway.ports.admin, certificate })
      const type = text === '' ? '' : 'Content-Type: application/json\r\n'
      client.write(
        `${method} ${path} HTTP/1.1\r\nHost: localhost:${gateway.ports.admin}\r\nConnection: close\r\n${type}` +
          `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      )
      const answer = await client.answer()
      client.destroy()
      if (answer.kind === 'failure') throw new Error(`The admin door gave no answer: ${answer.detail}`)
      return { status: answer.status, body: JSON.parse(answer.body) }
    },
  }
}
