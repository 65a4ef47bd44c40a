import { once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'

export type RedisArgument = string | number | Buffer
export type RedisReply = string | number | null | readonly RedisReply[]

/** One plain connection to Redis, as any client in any language has: RESP2, nothing done behind the test's back. */
export type RedisSession = {
  /** Sends one command; rejects with an Error that has Redis's own message, or when the connection ends. */
  send(...command: readonly RedisArgument[]): Promise<RedisReply>
  close(): void
}

type Waiting = { resolve(reply: RedisReply): void; reject(error: Error): void }

const answerMaxMs = 10_000

/** Connects to a Unix socket (text) or to what `net.connect` takes. */
export async function openRedisSession(target: string | NetConnectOpts): Promise<RedisSession> {
  const socket = typeof target === 'string' ? connect(target) : connect(target)
  await once(socket, 'connect')
  return new Session(socket)
}

class Session implements RedisSession {
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  #received: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('The connection to Redis was closed')))
    socket.setTimeout(answerMaxMs, () => socket.destroy(new Error(`Redis did not answer within ${answerMaxMs} ms`)))
  }

  send(...command: readonly RedisArgument[]): Promise<RedisReply> {
    const parts: Buffer[] = [Buffer.from(`*${command.length}\r\n`)]
    for (const argument of command) {
      const bytes = Buffer.isBuffer(argument) ? argument : Buffer.from(String(argument))
      parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
    }
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(new Error('The connection to Redis was closed'))
        return
      }
      this.#waiting.push({ resolve, reject })
      this.#socket.write(Buffer.concat(parts))
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    for (;;) {
      const read = readReply(this.#received, 0)
      if (read === undefined) return
      this.#received = this.#received.subarray(read.end)
      const waiting = this.#waiting.shift()
      if (read.value instanceof Error) waiting?.reject(read.value)
      else waiting?.resolve(read.value)
    }
  }

  #fail(error: Error): void {
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error)
  }
}

type Read = { readonly value: RedisReply | Error; readonly end: number }

/** One reply of RESP2 from `start`; undefined while it is not there whole. */
function readReply(bytes: Buffer, start: number): Read | undefined {
  const lineEnd = bytes.indexOf('\r\n', start)
  if (lineEnd < 0) return undefined
  const text = bytes.toString('utf8', start + 1, lineEnd)
  const next = lineEnd + 2
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case '+':
      return { value: text, end: next }
    case '-':
      return { value: new Error(text), end: next }
    case ':':
      return { value: Number(text), end: next }
    case '$': {
      const length = Number(text)
      if (length < 0) return { value: null, end: next }
      if (bytes.length < next + length + 2) return undefined
      return { value: bytes.toString('utf8', next, next + length), end: next + length + 2 }
    }
    case '*':
      return readList(bytes, next, Number(text))
    default:
      return { value: new Error(`Not RESP2: ${bytes.toString('utf8', start, lineEnd)}`), end: next }
  }
}

function readList(bytes: Buffer, start: number, length: number): Read | undefined {
  if (length < 0) return { value: null, end: start }
  const list: RedisReply[] = []
  let end = start
  for (let position = 0; position < length; position++) {
    const read = readReply(bytes, end)
    if (read === undefined) return undefined
    // An error inside a list (EXEC) is told as its text.
    list.push(read.value instanceof Error ? read.value.message : read.value)
    end = read.end
  }
  return { value: list, end }
}
