import { connect as connectTcp, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import type { TestCertificate } from './test-ca.ts'
import type { RunningGateway } from './with-gateway.ts'

/** A client that sends exactly the bytes it is told to, and reads answers with a reader of its own. */

export type RawAnswer = {
  readonly status: number
  readonly reason: string
  /** The whole head as received. */
  readonly head: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Value of the only field with this name; undefined if there is none; throws if there are several. */
  value(name: string): string | undefined
  readonly body: Buffer
  readonly text: string
  /** Sizes of the chunks, where the body is chunked. */
  readonly chunks: readonly number[]
  readonly trailers: readonly string[]
  /** 1xx answers before this one. */
  readonly interim: readonly RawHead[]
}

export type RawHead = Pick<RawAnswer, 'status' | 'reason' | 'head' | 'fields' | 'value'>

export type RawOptions = {
  readonly door?: 'certificate' | 'public'
  readonly certificate?: Pick<TestCertificate, 'chainPem' | 'keyPem'>
  readonly serverName?: string
  readonly port?: number
}

/** What of a gateway a client must know. */
export type RawDoors = Pick<RunningGateway, 'ports' | 'serverCaPem'>

const waitMs = 10_000

export class RawClient {
  readonly socket: TLSSocket
  /** The TCP connection below. */
  readonly tcp: Socket
  /** Resolves when the connection has ended, with the error if there was one. */
  readonly closed: Promise<Error | undefined>
  #held: Buffer = Buffer.alloc(0)
  #ended = false
  #changed: (() => void)[] = []

  static async connect(gateway: RawDoors, options: RawOptions = {}): Promise<RawClient> {
    const { door = 'certificate', certificate } = options
    const tcp = connectTcp({ host: '127.0.0.1', port: options.port ?? gateway.ports[door], noDelay: true })
    const socket = connect({
      socket: tcp,
      servername: options.serverName ?? 'localhost',
      ca: gateway.serverCaPem,
      // Whatever name was asked for, the gateway is who it says it is in these tests.
      checkServerIdentity: () => undefined,
      ...(certificate === undefined ? {} : { cert: certificate.chainPem, key: certificate.keyPem }),
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
    })
    return new RawClient(socket, tcp)
  }

  private constructor(socket: TLSSocket, tcp: Socket) {
    this.socket = socket
    this.tcp = tcp
    let failure: Error | undefined
    socket.on('error', (error) => {
      failure = error
    })
    socket.on('data', (bytes: Buffer) => {
      this.#held = Buffer.concat([this.#held, bytes])
      this.#change()
    })
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#ended = true
        this.#change()
        resolve(failure)
      })
    })
    socket.on('end', () => {
      this.#ended = true
      this.#change()
    })
  }

  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return this
  }

  /** Sends a request without body. `more` are header lines, each with CRLF. */
  get(path: string, more = ''): this {
    return this.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`)
  }

  /** What has come and was not read yet. */
  get received(): Buffer {
    return this.#held
  }

  get ended(): boolean {
    return this.#ended
  }

  /** The next head, interim ones included. */
  async head(): Promise<RawHead> {
    const end = await this.#until(() => {
      const at = this.#held.indexOf('\r\n\r\n')
      return at < 0 ? undefined : at + 4
    }, 'a head')
    const head = this.#take(end).toString('latin1')
    const [line = '', ...lines] = head.slice(0, -4).split('\r\n')
    const match = /^HTTP\/1\.1 (\d{3}) (.*)$/.exec(line)
    if (match === null) throw new Error(`Not a status line: ${JSON.stringify(line)}`)
    const fields = lines.map((text) => {
      const colon = text.indexOf(':')
      return [text.slice(0, colon), text.slice(colon + 1).trim()] as const
    })
    const value = (name: string) => {
      const found = fields.filter(([other]) => other.toLowerCase() === name.toLowerCase())
      if (found.length > 1) throw new Error(`${name} is there ${found.length} times`)
      return found[0]?.[1]
    }
    return { status: Number(match[1]), reason: match[2] ?? '', head, fields, value }
  }

  /** The next answer, to a request with this method. Without framing fields its body lasts until the connection ends. */
  async answer(method = 'GET'): Promise<RawAnswer> {
    const interim: RawHead[] = []
    let head = await this.head()
    while (head.status < 200) {
      interim.push(head)
      head = await this.head()
    }
    const chunks: number[] = []
    const trailers: string[] = []
    let body: Buffer = Buffer.alloc(0)
    const length = head.value('content-length')
    if (method === 'HEAD' || head.status === 204 || head.status === 304) {
      // No body, whatever the fields say.
    } else if (head.value('transfer-encoding') === 'chunked') {
      body = await this.#chunked(chunks, trailers)
    } else if (length !== undefined) {
      body = await this.bytes(Number(length))
    } else {
      await this.#until(() => (this.#ended ? true : undefined), 'the end of the connection')
      body = this.#take(this.#held.length)
    }
    return { ...head, body, text: body.toString(), chunks, trailers, interim }
  }

  async bytes(length: number): Promise<Buffer> {
    await this.#until(() => (this.#held.length >= length ? true : undefined), `${length} bytes`)
    return this.#take(length)
  }

  async line(): Promise<string> {
    const end = await this.#until(() => {
      const at = this.#held.indexOf('\r\n')
      return at < 0 ? undefined : at
    }, 'a line')
    const line = this.#take(end + 2)
    return line.toString('latin1', 0, end)
  }

  async #chunked(chunks: number[], trailers: string[]): Promise<Buffer> {
    const pieces: Buffer[] = []
    for (;;) {
      const size = Number.parseInt(await this.line(), 16)
      if (size === 0) break
      chunks.push(size)
      pieces.push(await this.bytes(size))
      if ((await this.line()) !== '') throw new Error('A chunk is longer than its size')
    }
    for (let line = await this.line(); line !== ''; line = await this.line()) trailers.push(line)
    return Buffer.concat(pieces)
  }

  /** Waits until the gateway has ended the connection; returns what came before and was not read. */
  async untilEnd(): Promise<Buffer> {
    await this.#until(() => (this.#ended ? true : undefined), 'the end of the connection')
    return this.#take(this.#held.length)
  }

  close(): void {
    this.socket.destroy()
  }

  async #until<T>(look: () => T | undefined, what: string): Promise<T> {
    const timeout = AbortSignal.timeout(waitMs)
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      if (this.#ended)
        throw new Error(
          `The connection ended before ${what}, after ${JSON.stringify(this.#held.toString('latin1').slice(0, 200))}`,
        )
      if (timeout.aborted)
        throw new Error(
          `No ${what} within ${waitMs} ms, only ${JSON.stringify(this.#held.toString('latin1').slice(0, 200))}`,
        )
      await new Promise<void>((resolve) => {
        this.#changed.push(resolve)
        timeout.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  #change(): void {
    for (const resolve of this.#changed.splice(0)) resolve()
  }

  #take(length: number): Buffer {
    const taken = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return taken
  }
}
