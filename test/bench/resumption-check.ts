import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import type { RunningGateway } from './gateways/gateway.ts'
import type { Pki } from './pki.ts'

/** What one connection showed: whether it was resumed, the session it was given, the answer it got. */
type Visit = { readonly resumed: boolean; readonly session: Buffer | undefined; readonly answer: string }

const visitTimeoutMs = 10_000

/**
 * Proves that a gateway makes full handshakes only: a client that asks to resume its session is given a new one.
 * Resolves to what was seen; throws when the gateway resumed or did not answer with 200.
 */
export async function checkNoResumption(
  gateway: Pick<RunningGateway, 'name' | 'port'>,
  pki: Pick<Pki, 'rootFile' | 'clientFile'>,
): Promise<'no session offered' | 'resumption refused'> {
  const first = await visit(gateway.port, { pki })
  assertFull(gateway.name, first)
  if (first.session === undefined) return 'no session offered'
  assertFull(gateway.name, await visit(gateway.port, { pki, session: first.session }))
  return 'resumption refused'
}

function assertFull(name: string, visit: Visit): void {
  const start = visit.answer.slice(0, 200)
  if (!/^HTTP\/1\.[01] 200 /.test(visit.answer)) throw new Error(`Cannot measure ${name}: it answered ${start}`)
  if (visit.resumed) throw new Error(`Cannot count ${name}'s connections as full handshakes: it resumed a session`)
}

/** One connection with one request; the gateway ends it. */
function visit(port: number, options: { pki: Pick<Pki, 'rootFile' | 'clientFile'>; session?: Buffer }): Promise<Visit> {
  const pem = readFileSync(options.pki.clientFile)
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca: readFileSync(options.pki.rootFile),
      cert: pem,
      key: pem,
      minVersion: 'TLSv1.3',
      ...(options.session === undefined ? {} : { session: options.session }),
    })
    let session: Buffer | undefined
    let resumed = false
    let answer = ''
    const timer = setTimeout(() => socket.destroy(new Error(`No end of the answer: ${answer}`)), visitTimeoutMs)
    socket.once('secureConnect', () => {
      resumed = socket.isSessionReused()
    })
    // Under TLS 1.3 a session arrives with the first bytes after the handshake, so the whole answer is awaited.
    socket.on('session', (offered) => {
      session = offered
    })
    socket.on('data', (part) => {
      answer += part.toString('latin1')
    })
    socket.once('error', reject)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve({ resumed, session, answer })
    })
    socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`)
  })
}
