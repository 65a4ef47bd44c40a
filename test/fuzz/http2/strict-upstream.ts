import { createServer, type Server, type Socket } from 'node:net'

/** What a request must look like: the strictest reading of RFC 9112, as an application of a bank may have it. */
const requestLine = /^(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS) (\/[!-~]*|\*) HTTP\/1\.1$/
const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?([\t\x20-\x7e\x80-\xff]*)$/
const wholeNumber = /^(0|[1-9][0-9]{0,14})$/
const chunkLine = /^[0-9a-fA-F]{1,8}$/

/** A request as far as it came, with the facts of its body. */
type Message = { readonly method: string; chunked: boolean; left: number; bodyBytes: number; trailing: boolean }

/**
 * An application that takes note of everything it is sent that is no complete and valid request, and answers the others
 * with 200 and the number of body bytes. A request that the gateway gave up, by ending the connection, is no problem.
 */
export class StrictUpstream {
  readonly port: number
  /** What was wrong, one line each; at most 100 are kept. */
  readonly problems: string[] = []
  /** Complete requests. */
  requests = 0
  /** Requests whose connection ended before they were complete. */
  abandoned = 0
  readonly #server: Server
  readonly #open = new Set<Socket>()
  readonly #loginId: string

  /** Every request must be said to come from this login ID. */
  static async start(loginId: string): Promise<StrictUpstream> {
    const server = createServer({ noDelay: true })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new StrictUpstream(server, loginId)
  }

  private constructor(server: Server, loginId: string) {
    this.#server = server
    this.#loginId = loginId
    this.port = (server.address() as { port: number }).port
    server.on('connection', (socket) => this.#serve(socket))
  }

  /** Connections open now. */
  get connections(): number {
    return this.#open.size
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket): void {
    this.#open.add(socket)
    let held: Buffer = Buffer.alloc(0)
    let message: Message | undefined
    let refused = false
    const wrong = (what: string, bytes: Buffer) => {
      if (this.problems.length < 100)
        this.problems.push(`${what}: ${JSON.stringify(bytes.toString('latin1', 0, 2_000))}`)
      refused = true
      socket.destroy()
    }
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      held = Buffer.concat([held, bytes])
      for (;;) {
        if (message === undefined) {
          const end = held.indexOf('\r\n\r\n')
          if (end < 0) break
          const head = held.subarray(0, end)
          const found = readHead(head.toString('latin1'), this.#loginId)
          if (typeof found === 'string') return wrong(found, head)
          message = found
          held = held.subarray(end + 4)
        }
        const rest = readBody(message, held)
        if (typeof rest === 'string') return wrong(rest, held)
        held = rest
        if (message.left !== 0 || message.chunked) break
        // The gateway sends one request at a time: whatever follows this one was smuggled behind it.
        if (held.length > 0) return wrong('bytes behind a request', held)
        this.requests++
        socket.write(answer(message))
        message = undefined
      }
    })
    socket.on('close', () => {
      this.#open.delete(socket)
      if (refused) return
      if (message !== undefined) this.abandoned++
      else if (held.length > 0) this.problems.push(`the connection ended within a head: ${held.toString('latin1')}`)
    })
  }
}

function answer({ method, bodyBytes }: Message): string {
  const text = String(bodyBytes)
  return `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${method === 'HEAD' ? '' : text}`
}

/** What the head says, or what is wrong with it. */
function readHead(head: string, loginId: string): Message | string {
  const [line = '', ...lines] = head.split('\r\n')
  const [, method] = requestLine.exec(line) ?? []
  if (method === undefined) return 'no request line'
  const fields = new Map<string, string[]>()
  for (const text of lines) {
    const [, name, value] = fieldLine.exec(text) ?? []
    if (name === undefined || value === undefined) return 'a line that is no field'
    const key = name.toLowerCase().replaceAll('_', '-')
    fields.set(key, [...(fields.get(key) ?? []), value])
  }
  const values = (name: string) => fields.get(name) ?? []
  if (values('host').length !== 1) return 'not one Host'
  if (values('x-injected').length > 0) return 'a field that was smuggled within another'
  if (values('sekisho-login-id').join() !== loginId) return 'not the one identity'
  const [length, ...lengths] = values('content-length')
  const codings = values('transfer-encoding')
  if (lengths.length > 0 || (length !== undefined && !wholeNumber.test(length))) return 'a wrong Content-Length'
  if (codings.length > 0 && (codings.join() !== 'chunked' || length !== undefined)) return 'a wrong Transfer-Encoding'
  const chunked = codings.length > 0
  return { method, chunked, left: chunked ? 0 : Number(length ?? 0), bodyBytes: 0, trailing: false }
}

/** Takes the body's bytes and returns the rest; a message that is complete has nothing left and is no longer `chunked`. */
function readBody(message: Message, held: Buffer): Buffer | string {
  if (!message.chunked) {
    const taken = Math.min(message.left, held.length)
    message.left -= taken
    message.bodyBytes += taken
    return held.subarray(taken)
  }
  let rest = held
  for (;;) {
    const end = rest.indexOf('\r\n')
    if (end < 0) return rest
    const line = rest.toString('latin1', 0, end)
    if (message.trailing) {
      rest = rest.subarray(end + 2)
      if (line === '') {
        message.chunked = false
        return rest
      }
      if (!fieldLine.test(line)) return 'a trailer line that is no field'
      continue
    }
    if (!chunkLine.test(line)) return 'no chunk'
    const size = Number.parseInt(line, 16)
    const next = end + 2 + size + 2
    if (size === 0) {
      message.trailing = true
      rest = rest.subarray(end + 2)
      continue
    }
    if (rest.length < next) return rest
    if (rest.toString('latin1', next - 2, next) !== '\r\n') return 'a chunk of another length'
    message.bodyBytes += size
    rest = rest.subarray(next)
  }
}
