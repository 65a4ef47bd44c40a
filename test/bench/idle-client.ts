/**
 * Opens mTLS connections, sends one request on each, reads the whole answer and then only holds them.
 * Sends the number of open connections to its parent when all are there, and again for each message.
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
function openConnection(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: settings.port, secureContext })
    let answer = ''
    socket.setEncoding('latin1')
    socket.once('error', reject)
    socket.once('close', () => {
      open.delete(socket)
      reject(new Error(`The gateway closed the connection after: ${answer}`))
    })
    socket.on('data', (part: string) => {
      answer += part
      const body = answer.indexOf('\r\n\r\n')
      if (body < 0 || answer.length < body + 4 + pageBytes) return
      if (!answer.startsWith('HTTP/1.1 200 ')) return reject(new Error(`The gateway answered: ${answer}`))
      open.add(socket)
      resolve()
    })
    socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${settings.port}\r\n\r\n`)
  })
}

async function openShare(share: number): Promise<void> {
  for (let index = share; index < settings.connections; index += concurrent) await openConnection()
}

process.on('message', () => process.send?.(open.size))
process.on('disconnect', () => process.exit(0))
await Promise.all(Array.from({ length: concurrent }, (_, share) => openShare(share)))
process.send?.(open.size)
