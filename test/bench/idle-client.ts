/**
 * Opens mTLS connections, sends one request on each, reads the whole answer and then only holds them.
 * Sends the number of open connections to its parent when all are there. For each message, a number, it sends another
 * request on as many connections, spread over all, and then the number of open connections again.
 */
import { readFileSync } from 'node:fs'
import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import { pageBytes } from './upstream.ts'

type Settings = {
  readonly port: number
  readonly connections: number
  readonly rootFile: string
  readonly clientFile: string
}

const concurrent = 32

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings
const pem = readFileSync(settings.clientFile)
const secureContext = createSecureContext({
  ca: readFileSync(settings.rootFile),
  cert: pem,
  key: pem,
  minVersion: 'TLSv1.3',
  ecdhCurve: 'X25519',
})
const open = new Set<TLSSocket>()

/** One connection that has served one request; rejects unless the answer is 200 with the page. */
async function openConnection(): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port: settings.port, secureContext })
  socket.setEncoding('latin1')
  socket.on('error', () => {})
  socket.once('close', () => open.delete(socket))
  await request(socket)
  open.add(socket)
}

/** One request; rejects unless the answer is 200 with the page. */
function request(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const stop = () => {
      socket.off('data', onData)
      socket.off('close', onClose)
    }
    const onClose = () => {
      stop()
      reject(new Error(`The gateway closed the connection after: ${answer}`))
    }
    const onData = (part: string) => {
      answer += part
      const body = answer.indexOf('\r\n\r\n')
      if (body < 0 || answer.length < body + 4 + pageBytes) return
      stop()
      if (answer.startsWith('HTTP/1.1 200 ')) resolve()
      else reject(new Error(`The gateway answered: ${answer}`))
    }
    socket.on('data', onData)
    socket.on('close', onClose)
    socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${settings.port}\r\n\r\n`)
  })
}

async function openShare(share: number): Promise<void> {
  for (let index = share; index < settings.connections; index += concurrent) await openConnection()
}

async function useAgain(samples: number): Promise<void> {
  const held = [...open]
  for (let index = 0; index < samples; index++) {
    const socket = held[Math.floor((index * held.length) / samples)]
    if (socket !== undefined) await request(socket)
  }
  process.send?.(open.size)
}

process.on('message', (samples) => {
  useAgain(Number(samples)).catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})
process.on('disconnect', () => process.exit(0))
await Promise.all(Array.from({ length: concurrent }, (_, share) => openShare(share)))
process.send?.(open.size)
