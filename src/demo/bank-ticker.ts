import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Clock } from '../base/clock.ts'
import { type BankGuest, feedOwner } from './bank-entrance.ts'
import { ratesAt } from './bank-rates.ts'
import { isOwnOrigin } from './bank-visit.ts'

/** Where the feed is. */
export const tickerPath = '/ticker'
const echoPath = '/ticker/echo'

const messageBytesMax = 16 * 1_024 * 1_024
/** A client that does not read gets no further rates, and has nothing further echoed, beyond this. Unit: bytes. */
const unsentBytesMax = 65_536

/**
 * The exchange rate feed, a WebSocket (RFC 6455): a JSON text at each interval, with time, login ID, sequence number and
 * rates. Under `/ticker/echo` every message comes back as it was sent, up to 16 MiB. Pings are answered on both.
 */
export class BankTicker {
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: messageBytesMax, perMessageDeflate: false })

  constructor(options: { readonly clock: Clock; readonly intervalMs: number }) {
    this.#clock = options.clock
    this.#intervalMs = options.intervalMs
  }

  /**
   * Takes over the socket of an upgrade, or refuses with a plain answer: 403 for requests that came past the gateway, for pages
   * of other sites and for guests who have not logged in; 404 for other paths.
   */
  accept(guest: BankGuest | undefined, upgrade: { request: IncomingMessage; socket: Duplex; head: Buffer }): void {
    const { request, socket, head } = upgrade
    const path = (request.url ?? '').split('?', 1)[0]
    const loginId = guest === undefined ? undefined : feedOwner(guest)
    if (guest === undefined) refuseUpgrade(socket, { status: 403, text: 'This application answers its gateway only.' })
    else if (path !== tickerPath && path !== echoPath) refuseUpgrade(socket, { status: 404, text: 'No feed here.' })
    else if (!isOwnOrigin(request)) refuseUpgrade(socket, { status: 403, text: 'Another site sent this.' })
    else if (loginId === undefined) refuseUpgrade(socket, { status: 403, text: 'Log in first.' })
    else {
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
        // What the client sends against the protocol ends the connection, and needs no further answer.
        webSocket.on('error', () => {})
        if (path === echoPath) echoMessages(webSocket)
        else this.#sendRates(webSocket, loginId)
      })
    }
  }

  /** Ends every feed at once. */
  close(): void {
    for (const webSocket of this.#sockets.clients) webSocket.terminate()
    this.#sockets.close()
  }

  #sendRates(webSocket: WebSocket, loginId: string): void {
    let sequence = 0
    const tick = () => {
      if (webSocket.readyState !== webSocket.OPEN || webSocket.bufferedAmount > unsentBytesMax) return
      const nowMs = this.#clock.nowMs()
      const time = new Date(nowMs).toISOString()
      webSocket.send(JSON.stringify({ time, loginId, sequence, rates: ratesAt(nowMs) }))
      sequence++
    }
    tick()
    const timer = setInterval(tick, this.#intervalMs)
    webSocket.on('close', () => clearInterval(timer))
  }
}

function echoMessages(webSocket: WebSocket): void {
  webSocket.on('message', (data, isBinary) => {
    webSocket.send(data, { binary: isBinary }, () => {
      if (webSocket.bufferedAmount <= unsentBytesMax) webSocket.resume()
    })
    if (webSocket.bufferedAmount > unsentBytesMax) webSocket.pause()
  })
}

/** Answers an upgrade with a status and a line of text, and closes the connection. */
export function refuseUpgrade(socket: Duplex, { status, text }: { status: number; text: string }): void {
  const body = `${text}\n`
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
}
