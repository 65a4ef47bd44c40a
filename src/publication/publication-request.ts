import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../base/errors.ts'
import type { PublicationRequest } from './ports.ts'

/** What a publication is asked; undefined: by a method that nothing published knows. */
export function readPublicationRequest(request: IncomingMessage): PublicationRequest | undefined {
  const { method } = request
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') return undefined
  return {
    method: method === 'POST' ? 'POST' : 'GET',
    path: pathOf(request.url ?? ''),
    header: (name) => {
      const value = request.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    body: (bytesMax) => readBody(request, bytesMax),
  }
}

/** RFC 9112 3.2.2: proxies may send the whole URL. */
function pathOf(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '')
  const end = path.indexOf('?')
  return end < 0 ? path : path.slice(0, end)
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const tooLarge = () =>
    new GatewayError('body_too_large', `Cannot read the request as it may have ${bytesMax} bytes at most`)
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge()
  const chunks: Buffer[] = []
  let bytes = 0
  // A refused body must not take the connection down before its answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length
    if (bytes > bytesMax) throw tooLarge()
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}
