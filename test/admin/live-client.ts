// The stream of the live page as a browser reads it: over TLS from a real admin door, event by event.
import { request as startRequest } from 'node:https'
import type { Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import type { TestCertificate } from '../helpers/test-ca.ts'
import { operators, serverCa } from './with-admin.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a test looks into
export type EventData = any

export type LiveStream = {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  /** All that has come. */
  text(): string
  events(name: string): EventData[]
  /** Resolves with the first event of this name, of those to come too, that fits. */
  see(name: string, fits?: (data: EventData) => boolean): Promise<EventData>
  /** Resolves with all that came when the answer has ended. */
  readonly ended: Promise<string>
  leave(): void
}

/** Resolves with the head of the answer. Its connection ends with the test. */
export function openLive(
  t: Test,
  port: number,
  certificate: TestCertificate = operators.security,
): Promise<LiveStream> {
  const { promise, resolve, reject } = Promise.withResolvers<LiveStream>()
  const request = startRequest({
    ...{ host: '127.0.0.1', port, path: '/v1/live', agent: false },
    ca: serverCa.certificatePem,
    cert: certificate.chainPem,
    key: certificate.keyPem,
  })
  t.teardown(() => request.destroy())
  request.on('error', reject)
  request.on('response', (response) => {
    let text = ''
    const end = Promise.withResolvers<string>()
    response.setEncoding('utf8')
    response.on('data', (part: string) => (text += part))
    response.on('error', () => end.resolve(text))
    response.on('close', () => end.resolve(text))
    const events = (name: string) => readEvents(text).flatMap((one) => (one.event === name ? [one.data] : []))
    const { statusCode: status = 0, headers } = response
    resolve({
      ...{ status, headers, events },
      text: () => text,
      see: async (name, fits = () => true) =>
        eventually(
          async () => events(name).find(fits),
          (found) => found !== undefined,
        ),
      ended: end.promise,
      leave: () => request.destroy(),
    })
  })
  request.end()
  return promise
}

function readEvents(text: string): { event: string; data: EventData }[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .flatMap((frame) => {
      const found = /^event: (\w+)\ndata: (.+)$/.exec(frame)
      return found === null ? [] : [{ event: found[1] ?? '', data: JSON.parse(found[2] ?? '') }]
    })
}
