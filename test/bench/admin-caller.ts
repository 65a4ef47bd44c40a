import { Agent, request } from 'node:https'

const answerTimeoutMs = 15_000

/** Who speaks to the admin doors; PEM. */
export type OperatorPems = { readonly ca: string; readonly cert: string; readonly key: string }

/** Calls one admin door over one kept connection. */
export class AdminCaller {
  readonly #port: number
  readonly #agent: Agent

  constructor(port: number, operator: OperatorPems) {
    this.#port = port
    this.#agent = new Agent({ ...operator, keepAlive: true, maxSockets: 1, minVersion: 'TLSv1.3' })
  }

  /** The JSON of a 200 answer; rejects on anything else. */
  call(method: 'GET' | 'POST', path: string, json?: unknown): Promise<unknown> {
    const body = json === undefined ? undefined : JSON.stringify(json)
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': body.length }
    return new Promise((resolve, reject) => {
      const call = request(
        { host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path, headers },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (part: string) => {
            text += part
          })
          response.once('error', reject)
          response.once('end', () => {
            if (response.statusCode === 200) resolve(JSON.parse(text))
            else reject(new Error(`Cannot ${method} ${path}: the admin door answered ${response.statusCode} ${text}`))
          })
        },
      )
      call.setTimeout(answerTimeoutMs, () => call.destroy(new Error(`Cannot ${method} ${path}: no answer in time`)))
      call.once('error', reject)
      call.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
