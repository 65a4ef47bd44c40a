/**
 * Holds slow mTLS clients open: a third sends its request head a byte a second, a third its body, a third reads a large
 * answer a piece a second. A connection that the gateway ends is opened again. Sends a message to its parent when all are
 * in place, and for each message how many are open and how many were opened again.
 */
import { readFileSync } from 'node:fs'
import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import { endlessPath, uploadPath } from './upstream.ts'

type Settings = {
  readonly port: number
  readonly connections: number
  readonly rootFile: string
  readonly clientFile: string
}

/** What a kind of slow client sends at first, and what it does each second. */
type Kind = { readonly start: string; readonly step: (socket: TLSSocket) => void }

const concurrent = 32
const stepMs = 1_000
const slices = 50
const pauseBeforeReopeningMs = 1_000
const bodyBytes = 1_000_000

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings
const pem = readFileSync(settings.clientFile)
const secureContext = createSecureContext({
  ca: readFileSync(settings.rootFile),
  cert: pem,
  key: pem,
  minVersion: 'TLSv1.3',
  ecdhCurve: 'X25519',
})
const host = `Host: 127.0.0.1:${settings.port}\r\n`
const sendByte = (socket: TLSSocket) => void socket.write('x')
const kinds: readonly Kind[] = [
  { start: `GET / HTTP/1.1\r\n${host}X-Slow: `, step: sendByte },
  { start: `POST ${uploadPath(bodyBytes)} HTTP/1.1\r\n${host}Content-Length: ${bodyBytes}\r\n\r\n`, step: sendByte },
  { start: `GET ${endlessPath} HTTP/1.1\r\n${host}\r\n`, step: (socket) => void socket.resume() },
]
const places: (TLSSocket | undefined)[] = new Array(settings.connections).fill(undefined)
let reopened = 0

/** Fills one place; resolves when the first bytes are written on a finished handshake, or when that failed. */
function open(place: number): Promise<void> {
  const kind = kinds[place % kinds.length] as Kind
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: settings.port, secureContext })
    socket.on('data', () => socket.pause())
    socket.on('error', () => {})
    socket.once('secureConnect', () => {
      places[place] = socket
      socket.write(kind.start, () => resolve())
    })
    socket.once('close', () => {
      resolve()
      places[place] = undefined
      setTimeout(() => {
        reopened++
        void open(place)
      }, pauseBeforeReopeningMs)
    })
  })
}

async function openShare(share: number): Promise<void> {
  for (let place = share; place < settings.connections; place += concurrent) await open(place)
}

/** One slice of all places after the other, so that the steps of all spread over the second. */
function stepSlice(slice: number): void {
  for (let place = slice; place < places.length; place += slices) {
    const socket = places[place]
    if (socket !== undefined && !socket.destroyed) kinds[place % kinds.length]?.step(socket)
  }
}

const isOpen = (socket: TLSSocket | undefined) => socket !== undefined && !socket.destroyed
const tell = () => process.send?.({ open: places.filter(isOpen).length, reopened })

process.on('message', tell)
process.on('disconnect', () => process.exit(0))
await Promise.all(Array.from({ length: concurrent }, (_, share) => openShare(share)))
let slice = 0
setInterval(() => stepSlice(slice++ % slices), stepMs / slices)
tell()
