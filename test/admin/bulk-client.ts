// A client of the bulk route that sends and reads piece by piece, as the test says.
import { once } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as startRequest } from 'node:https'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { operators, serverCa } from './with-admin.ts'

export type BulkClient = {
  readonly request: ClientRequest
  /** Sends entries, one a line. */
  send(entries: readonly unknown[]): void
  end(): void
  /** The next object of the answer; undefined at its end. Rejects when the connection breaks. */
  next(): Promise<Record<string, unknown> | undefined>
  /** The head of the answer. */
  response(): Promise<IncomingMessage>
}

/** Opens `POST /v1/revocations/bulk` with this query. */
export function openBulk(t: Test, port: number, query = ''): BulkClient {
  const { chainPem: cert, keyPem: key } = operators.security
  const request = startRequest({
    ...{ host: '127.0.0.1', port, method: 'POST', path: `/v1/revocations/bulk${query}` },
    ...{ cert, key, ca: serverCa.certificatePem, agent: false },
    headers: { 'Content-Type': 'application/x-ndjson' },
  })
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  answered.catch(() => {})
  request.on('error', () => {})
  t.teardown(() => request.destroy())
  let lines: AsyncIterator<string> | undefined
  return {
    request,
    send: (entries) => void request.write(entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')),
    end: () => void request.end(),
    next: async () => {
      const [response] = await answered
      lines ??= createInterface({ input: response })[Symbol.asyncIterator]()
      const broken = once(response, 'error').then(([error]) => Promise.reject(error))
      broken.catch(() => {})
      const { done, value } = await Promise.race([lines.next(), broken])
      return done === true ? undefined : (JSON.parse(value) as Record<string, unknown>)
    },
    response: async () => (await answered)[0],
  }
}

/** Entries of one issuer with serial numbers from `first` on. */
export function serialEntries(first: number, count: number): { issuer: string; serial: string }[] {
  return Array.from({ length: count }, (_, at) => ({ issuer: 'demo-issuing-ca', serial: (first + at).toString(16) }))
}
