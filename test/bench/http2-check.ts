import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { RunningGateway } from './gateways/gateway.ts'
import type { Pki } from './pki.ts'

const checkTimeoutMs = 10_000

/** Proves that a gateway chooses HTTP/2 when a client offers both, and answers over it with 200; throws otherwise. */
export async function checkHttp2(
  gateway: Pick<RunningGateway, 'name' | 'port'>,
  pki: Pick<Pki, 'rootFile' | 'clientFile'>,
): Promise<void> {
  const pem = readFileSync(pki.clientFile)
  const session = connect(`https://127.0.0.1:${gateway.port}`, {
    ca: readFileSync(pki.rootFile),
    cert: pem,
    key: pem,
    ALPNProtocols: ['h2', 'http/1.1'],
  })
  try {
    const status = await new Promise<unknown>((resolve, reject) => {
      session.once('error', reject)
      session.setTimeout(checkTimeoutMs, () => reject(new Error(`${gateway.name} gave no answer over HTTP/2`)))
      const stream = session.request({ ':path': '/' })
      stream.once('response', (fields) => resolve(fields[':status']))
      stream.once('error', reject)
      stream.resume()
      stream.end()
    })
    const chosen = (session.socket as TLSSocket).alpnProtocol
    if (chosen === 'h2' && status === 200) return
    throw new Error(`it chose ${String(chosen)} and answered ${String(status)}`)
  } catch (cause) {
    throw new Error(`Cannot measure ${gateway.name} over HTTP/2: ${(cause as Error).message}`, { cause })
  } finally {
    session.destroy()
  }
}
