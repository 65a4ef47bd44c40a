import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Listen } from '../config/gateway-config.ts'
import type { DoorAddress } from '../trust/worker-messages.ts'
import { ClientConnection, plainAddress } from './client-connection.ts'
import type { Door } from './door.ts'
import type { DoorContexts } from './door-context.ts'

/** Connections the kernel may hold for us while we are busy. */
const backlog = 4_096

/** Protocols offered, in the wire form of RFC 7301 3.1: made once, since Node would encode a list for each connection. */
const alpnProtocols = Buffer.from('\x08http/1.1', 'latin1')

/** One door's listening sockets in one worker, and the connections that came through them. */
export class DoorListener {
  readonly #door: Door
  readonly #contexts: DoorContexts
  readonly #servers: Server[] = []
  readonly #open = new Set<ClientConnection>()
  #lastEnded: (() => void) | undefined

  constructor(door: Door, contexts: DoorContexts) {
    this.#door = door
    this.#contexts = contexts
  }

  /** Listens on every address; rejects with the system's error if one is not free. */
  async listen(addresses: readonly Listen[]): Promise<DoorAddress[]> {
    const opened: DoorAddress[] = []
    for (const { host, port } of addresses) {
      const server = createServer({ noDelay: true }, (raw) => this.#accept(raw))
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port, backlog, ipv6Only: host.includes(':') }, resolve)
      })
      this.#servers.push(server)
      opened.push({ door: this.#door.name, host, port: (server.address() as AddressInfo).port })
    }
    return opened
  }

  /**
   * The whole way in: a place under the limits, TLS, then `ClientConnection` reads the certificate and has it judged. The
   * handshake is always completed, whoever comes, because only then can a refused user be told why.
   */
  #accept(raw: Socket): void {
    const door = this.#door
    door.clock.refresh()
    const clientAddress = plainAddress(raw.remoteAddress ?? '')
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
      ALPNProtocols: alpnProtocols,
      ...(this.#contexts.choose === undefined ? {} : { SNICallback: this.#contexts.choose }),
    })
    this.#open.add(new ClientConnection({ socket, door, clientAddress, place, ended: this.#forget }))
  }

  /** Accepts no more; every connection ends when its request in progress does. Resolves when the last one has ended. */
  async drain(): Promise<void> {
    for (const server of this.#servers) server.close()
    for (const connection of this.#open) connection.drain()
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
