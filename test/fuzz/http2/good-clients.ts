import { connect } from 'node:http2'
import { request } from 'node:https'
import type { SecureContext } from 'node:tls'

const withinMs = 5_000
const body = 'x'.repeat(5_000)

export type GoodClient = { readonly port: number; readonly secureContext: SecureContext }

/** What an ordinary client over HTTP/2 and one over HTTP/1.1 find wrong with their answers; empty when all is right. */
export async function tryGoodClients(client: GoodClient): Promise<readonly string[]> {
  const tries = [tryHttp2(client), tryHttp1(client)]
  const ended = await Promise.allSettled(tries)
  return ended.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []))
}

async function tryHttp2({ port, secureContext }: GoodClient): Promise<void> {
  const session = connect(`https://localhost:${port}`, { secureContext, rejectUnauthorized: false })
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('No answer over HTTP/2 in time')), withinMs)
      const fail = (error: Error) => reject(new Error(`HTTP/2: ${error.message}`))
      session.once('error', fail)
      const stream = session.request({ ':method': 'POST', ':path': '/good' })
      let status: unknown
      let text = ''
      stream.once('error', fail)
      stream.once('response', (fields) => {
        status = fields[':status']
      })
      stream.setEncoding('utf8')
      stream.on('data', (part: string) => {
        text += part
      })
      stream.once('end', () => {
        clearTimeout(timer)
        if (status === 200 && text === String(body.length)) resolve()
        else reject(new Error(`The answer over HTTP/2 is ${String(status)} ${JSON.stringify(text)}`))
      })
      stream.end(body)
    })
  } finally {
    await new Promise<void>((resolve) => {
      session.once('close', () => resolve())
      session.destroy()
    })
  }
}

async function tryHttp1({ port, secureContext }: GoodClient): Promise<void> {
  const tls = { secureContext, servername: 'localhost', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }
  await new Promise<void>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method: 'POST', path: '/good', agent: false, ...tls }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (part: string) => {
        text += part
      })
      answer.once('end', () => {
        if (answer.statusCode === 200 && text === String(body.length)) resolve()
        else reject(new Error(`The answer over HTTP/1.1 is ${answer.statusCode} ${JSON.stringify(text)}`))
      })
    })
    sent.setHeader('Host', `localhost:${port}`)
    sent.setTimeout(withinMs, () => sent.destroy(new Error('No answer over HTTP/1.1 in time')))
    sent.once('error', (error) => reject(new Error(`HTTP/1.1: ${error.message}`)))
    sent.end(body)
  })
}
