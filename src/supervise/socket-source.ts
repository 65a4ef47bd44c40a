import { GatewayError } from '../base/errors.ts'
import { type Channel, listenTo, post } from './channel.ts'
import type { SocketAnswer, SocketRequest } from './process-messages.ts'
import type { BoundAddress, SocketHandle } from './socket-handle.ts'

/** A duplicate of a listening socket, for one server of this process. */
export type TakenSocket = BoundAddress & {
  /**
   * `handle.fd` may be handed to a worker thread, which adopts it (`adoptSocket`): then the handle itself must never be closed,
   * because the number may stand for something else by that time.
   */
  readonly handle: SocketHandle
}

/** Which door wants a socket, and which of its addresses it is. */
export type SocketUse = { readonly door: string; readonly position: number }

/** Where the gateway gets its listening sockets from. */
export type SocketSource = {
  /** Throws `config_invalid` when the address cannot be had. */
  take(address: BoundAddress, use: SocketUse): Promise<TakenSocket>
}

type Waiting = { resolve(handle: SocketHandle, port: number): void; reject(message: string): void }

/** Asks whoever is at the other end of the channel and holds `ListeningSockets`. */
export class RemoteSockets implements SocketSource {
  readonly #channel: Channel
  readonly #waiting = new Map<number, Waiting>()
  #requests = 0

  constructor(channel: Channel) {
    this.#channel = channel
    listenTo<SocketAnswer>(channel, (message, handle) => this.#receive(message, handle))
  }

  take({ host, port }: BoundAddress, { door, position }: SocketUse): Promise<TakenSocket> {
    const id = ++this.#requests
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {
        resolve: (handle, boundPort) => resolve({ handle, host, port: boundPort }),
        reject: (message) => {
          const fault = `Cannot listen on ${host} port ${port} for the door ${door}: ${message}`
          reject(new GatewayError('config_invalid', fault))
        },
      })
      const request: SocketRequest = { type: 'take_socket', id, use: `${door} ${position}`, host, port }
      post(this.#channel, request)
    })
  }

  #receive(message: SocketAnswer, handle: SocketHandle | undefined): void {
    if (message.type !== 'socket' && message.type !== 'socket_refused') return
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.type === 'socket_refused') waiting?.reject(message.message)
    else if (handle !== undefined) waiting?.resolve(handle, message.port)
  }
}
