import { connect, type SecureContext, type TLSSocket } from 'node:tls'
import { decodeFrames, flags, types } from './frame.ts'
import { lastPing } from './random-session.ts'

/** What came back while a session was played. */
export type Played = {
  /** `answered`: the last PING came back. `closed`: the gateway ended the connection. `silent`: neither, in time. */
  readonly end: 'answered' | 'closed' | 'silent'
  /** Streams with a whole answer of status 200. */
  readonly served: ReadonlySet<number>
  /** Error codes of GOAWAY and RST_STREAM frames. */
  readonly errors: readonly string[]
}

export type Client = { readonly port: number; readonly secureContext: SecureContext }

export type PlayOptions = {
  /** How the bytes are cut: each piece is written in a turn of its own. */
  readonly pieces: readonly Buffer[]
  /** Streams whose answers are waited for besides the last PING. */
  readonly awaited: ReadonlySet<number>
  /** `hurry`: the connection is dropped as soon as all is written. */
  readonly leave: 'hurry' | 'patient'
  /** Longest time to wait. Unit: milliseconds. */
  readonly withinMs: number
}

/** Plays one connection and ends it. Rejects only when the TLS connection cannot be made. */
export async function playSession(client: Client, options: PlayOptions): Promise<Played> {
  const socket = await open(client)
  const good = new Set<number>()
  const served = new Set<number>()
  const errors: string[] = []
  const outcome = Promise.withResolvers<Played['end']>()
  let pinged = false
  let held: Buffer = Buffer.alloc(0)
  socket.on('data', (bytes) => {
    const { frames, byteLength } = decodeFrames(Buffer.concat([held, bytes]))
    held = Buffer.concat([held, bytes]).subarray(byteLength)
    for (const { type, flags: flag, streamId, payload } of frames) {
      if (type === types.headers && saysOk(payload)) good.add(streamId)
      const ends = (type === types.headers || type === types.data) && (flag & flags.endStream) !== 0
      if (ends && good.has(streamId)) served.add(streamId)
      if (type === types.goaway) errors.push(`GOAWAY ${payload.readUInt32BE(4)}`)
      if (type === types.rstStream) errors.push(`RST_STREAM ${payload.readUInt32BE(0)} on ${streamId}`)
      if (type === types.ping && (flag & flags.ack) !== 0 && payload.equals(lastPing)) pinged = true
    }
    if (pinged && [...options.awaited].every((streamId) => served.has(streamId))) outcome.resolve('answered')
  })
  socket.once('close', () => outcome.resolve('closed'))
  const timer = setTimeout(() => outcome.resolve('silent'), options.withinMs)
  for (const piece of options.pieces) {
    if (socket.destroyed) break
    socket.write(piece)
    if (options.pieces.length > 1) await new Promise((resolve) => setImmediate(resolve))
  }
  const end = options.leave === 'hurry' ? 'silent' : await outcome.promise
  clearTimeout(timer)
  await close(socket)
  return { end, served, errors }
}

/** Whether a header block begins with the static entry `:status: 200`, perhaps after changes of the table's size. */
function saysOk(block: Buffer): boolean {
  let at = 0
  while (((block[at] ?? 0) & 0xe0) === 0x20) {
    let more = (block[at] ?? 0) === 0x3f
    while (more) {
      at++
      more = ((block[at] ?? 0) & 0x80) !== 0
    }
    at++
  }
  return block[at] === 0x88
}

function open({ port, secureContext }: Client): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      secureContext,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    })
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      socket.off('error', reject)
      socket.on('error', () => {})
      if (socket.alpnProtocol === 'h2') resolve(socket)
      else reject(new Error(`The gateway chose ${String(socket.alpnProtocol)} instead of h2`))
    })
  })
}

function close(socket: TLSSocket): Promise<void> {
  if (socket.closed) return Promise.resolve()
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
    socket.destroy()
  })
}
