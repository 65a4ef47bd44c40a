import { connect } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import { decodeFrames, encodeFrame, flags, frame, preface, settingsPayload, types } from './frame.ts'
import { lastPing, type Session } from './random-session.ts'

const streams = 3
const recordTimeoutMs = 5_000

/** What Node's own client (nghttp2) sends: its sessions have Huffman coding and a dynamic table, which ours lack. */
export async function recordNghttp2Sessions(authority: string): Promise<readonly Session[]> {
  return await Promise.all([undefined, 'short', 'd'.repeat(3_000)].map((body) => recordOne(authority, body)))
}

/** Lets the client send its requests to a listener that never answers, until all of them have come. */
async function recordOne(authority: string, body: string | undefined): Promise<Session> {
  const recorded = Promise.withResolvers<Buffer>()
  const server = createServer((socket) => {
    let bytes: Buffer = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (part) => {
      bytes = Buffer.concat([bytes, part])
      const { frames } = decodeFrames(bytes.subarray(preface.length))
      const ended = frames.filter(({ type, flags: flag }) => type <= types.headers && (flag & flags.endStream) !== 0)
      if (ended.length === streams) recorded.resolve(bytes)
    })
    socket.write(encodeFrame(frame(types.settings, 0, { payload: settingsPayload([[3, 100]]) })))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  session.on('error', () => {})
  const timer = setTimeout(() => recorded.reject(new Error('Cannot record a session of nghttp2')), recordTimeoutMs)
  for (let count = 0; count < streams; count++) {
    const stream = session.request({
      ':method': body === undefined ? 'GET' : 'POST',
      ':scheme': 'https',
      ':authority': authority,
      ':path': `/recorded/${count}?some=query`,
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) recorded',
      accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8',
      cookie: 'session=0123456789abcdef; theme=dark',
    })
    stream.on('error', () => {})
    stream.end(body)
  }
  try {
    const { frames } = decodeFrames((await recorded.promise).subarray(preface.length))
    const requests = new Set(Array.from({ length: streams }, (_, index) => 1 + 2 * index))
    return { frames: [...frames, frame(types.ping, 0, { payload: lastPing })], requests }
  } finally {
    clearTimeout(timer)
    session.destroy()
    server.close()
  }
}
