import { createHash } from 'node:crypto'
import type { BankVisit } from './bank-visit.ts'

/**
 * Answers with what arrived, as JSON: method, target, fields in order, trailers, number of body bytes. For those who
 * write an application behind the gateway. What opens a door is hidden: the signature of the assertion and the value of
 * the session cookie.
 */
export async function echoRequest({ request, response }: BankVisit, sessionCookie: string): Promise<void> {
  let bodyBytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) bodyBytes += chunk.length
  const { method, url: target, httpVersion } = request
  const headers = pairs(request.rawHeaders).map(([name, value]) => [name, hideSecret(name, { value, sessionCookie })])
  const trailers = pairs(request.rawTrailers)
  const text = `${JSON.stringify({ method, target, httpVersion, headers, trailers, bodyBytes }, null, 2)}\n`
  response.writeHead(200, jsonHeaders(text))
  response.end(text)
}

/** Takes a body of any size and answers with its number of bytes and its SHA-256 in hex, as JSON. Keeps nothing. */
export async function digestUpload({ request, response }: BankVisit): Promise<void> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    hash.update(chunk)
  }
  const text = `${JSON.stringify({ bytes, sha256: hash.digest('hex') })}\n`
  response.writeHead(200, jsonHeaders(text))
  response.end(text)
}

function jsonHeaders(text: string) {
  return {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  }
}

function pairs(raw: readonly string[]): [name: string, value: string][] {
  const list: [string, string][] = []
  for (let i = 0; i + 1 < raw.length; i += 2) list.push([raw[i] ?? '', raw[i + 1] ?? ''])
  return list
}

function hideSecret(name: string, { value, sessionCookie }: { value: string; sessionCookie: string }): string {
  switch (name.toLowerCase()) {
    case 'sekisho-assertion':
      return value.replace(/\.[^.]*$/, '.(signature hidden)')
    case 'cookie':
      return value
        .split(/;\s*/)
        .map((pair) => (pair.startsWith(`${sessionCookie}=`) ? `${sessionCookie}=(hidden)` : pair))
        .join('; ')
    default:
      return value
  }
}
