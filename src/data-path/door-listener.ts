import { createServer, type Server, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { isListed, plainAddress } from './client-address.ts'
import { ClientConnection } from './client-connection.ts'
import type { Door } from './door.ts'
import type { DoorContexts } from './door-context.ts'
import { readProxyHeader } from './proxy-reader.ts'

/** Connections the kernel may hold for us while we are busy. */
const backlog = 4_096

/** Protocols offered, in the wire form of RFC 7301 3.1: made once, since Node would encode a list for each connection. */
const http1Only = Buffer.from('\x08http/1.1', 'latin1')
const http2First = Buffer.from('\x02h2\x08http/1.1', 'latin1')

/** One door's listening sockets in one worker, and the connections that came through them. */
export class DoorListener {
  #door: Door
  #contexts: DoorContexts
  readonly #servers: Server[] = []
  readonly #open = new Set<ClientConnection>()
  /** Connections whose PROXY protocol header has not come yet. */
  readonly #nameless = new Set<Socket>()
  #lastEnded: (() => void) | undefined

  constructor(door: Door, contexts: DoorContexts) {
    this.#door = door
    this.#contexts = contexts
  }

  /** Accepts from these sockets, which are this worker's own from now on; rejects with the system's error if one cannot listen. */
  async listen(handles: readonly object[]): Promise<void> {
    for (const handle of handles) {
      const server = createServer({ noDelay: true }, (raw) => this.#accept(raw))
      this.#servers.push(server)
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(handle, backlog, resolve)
      })
    }
  }

  /** A new configuration for this door, from now on. Returns how many connections were cut for it. */
  reconfigure(door: Door, contexts: DoorContexts): number {
    this.#door = door
    this.#contexts = contexts
    let cut = 0
    for (const connection of this.#open) if (connection.reconfigure(door)) cut++
    return cut
  }

  /** Where a trusted balancer stands before us, its PROXY protocol header says who comes. */
  #accept(raw: Socket): void {
    const door = this.#door
    door.clock.refresh()
    const address = plainAddress(raw.remoteAddress ?? '')
    if (!isListed(door.proxyTrusted, address)) {
      this.#enter(raw, address)
      return
    }
    this.#nameless.add(raw)
    // The same bound as for other strangers; whoever has waited longest gives way.
    if (this.#nameless.size > door.limits.unauthenticatedConnectionsMax) {
      const oldest = this.#nameless.values().next().value as Socket
      this.#nameless.delete(oldest)
      oldest.destroy()
    }
    const { clock, deadlines, limits } = door
    readProxyHeader(raw, { timeoutMs: limits.handshakeTimeoutMs, clock, deadlines }, (read) => {
      this.#nameless.delete(raw)
      if (read.kind === 'read') {
        this.#enter(raw, read.source === undefined ? address : plainAddress(read.source.address))
        return
      }
      raw.destroy()
      if (read.kind === 'closed') return
      door.metrics.fault(read.kind === 'timeout' ? 'handshake_timeout' : 'proxy_header_malformed')
    })
  }

  /**
   * The whole way in: a place under the limits, TLS, then `ClientConnection` reads the certificate and has it judged. The
   * handshake is always completed, whoever comes, because only then can a refused user be told why.
   */
  #enter(raw: Socket, clientAddress: string): void {
    const door = this.#door
    const place = door.admission.enter(clientAddress)
    if (place === undefined) {
      door.metrics.handshakeEnded(door.name, 'refused_limit', 0)
      door.metrics.fault('connection_limit')
      raw.destroy()
      return
    }
    const socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: this.#contexts.fallback,
      requestCert: door.certificates !== undefined,
      rejectUnauthorized: false,
      ALPNProtocols: door.http2 ? http2First : http1Only,
      ...(this.#contexts.choose === undefined ? {} : { SNICallback: this.#contexts.choose }),
    })
    this.#open.add(new ClientConnection({ socket, door, clientAddress, place, ended: this.#forget }))
  }

  /**
   * Accepts no more: what waits in the sockets' queues is left to whoever has a duplicate of them. Every connection ends when its
   * request in progress does, an idle one after `idleMs`. Resolves when the last one has ended.
   */
  async drain(idleMs: number): Promise<void> {
    for (const server of this.#servers) server.close()
    for (const raw of this.#nameless) raw.destroy()
    for (const connection of this.#open) connection.drain(idleMs)
    if (this.#open.size === 0) return
    await new Promise<void>((resolve) => {
      this.#lastEnded = resolve
    })
  }

  readonly #forget = (connection: ClientConnection): void => {
    this.#open.delete(connection)
    if (this.#open.size === 0) this.#lastEnded?.()
  }
}
