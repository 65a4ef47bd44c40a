import { SocketAddress } from 'node:net'
import { GatewayError } from '../base/errors.ts'
import { type Channel, listenTo, post } from './channel.ts'
import type { SocketAnswer, SocketRequest } from './process-messages.ts'
import { addressOf, adoptSocket, type BoundAddress, bindSocket, type SocketHandle } from './socket-handle.ts'

type HeldSocket = BoundAddress & {
  readonly handle: SocketHandle
  /** File descriptor under which the service manager passed it; undefined: bound here. */
  readonly passedFd: number | undefined
  readonly takers: Set<Channel>
}

/** First file descriptor that a service manager passes (sd_listen_fds(3)). */
const firstPassedFd = 3

/**
 * The listening sockets of all doors, held by a process that accepts from none of them. Gateway processes get duplicates; as long
 * as one is left, the kernel takes connections and keeps them waiting, also while no gateway process is running.
 */
export class ListeningSockets {
  readonly #sockets = new Map<string, HeldSocket>()

  /** Takes the sockets with these file descriptors (socket activation). Throws `config_invalid` for one that is none. */
  constructor(passedFds: readonly number[] = []) {
    for (const fd of passedFds) {
      const { handle, host, port } = readPassedSocket(fd)
      this.#sockets.set(addressKey({ host, port }), { handle, host, port, passedFd: fd, takers: new Set() })
    }
  }

  /** Gives the gateway process at the other end of the channel what it asks for. */
  serve(channel: Channel): void {
    listenTo<SocketRequest>(channel, (message) => {
      if (message.type === 'take_socket') this.#answer(channel, message)
    })
  }

  /** Sockets of the service manager that no gateway process has asked for yet. */
  unclaimed(): { readonly host: string; readonly port: number; readonly fd: number }[] {
    return [...this.#sockets.values()].flatMap(({ host, port, passedFd, takers }) =>
      passedFd === undefined || takers.size > 0 ? [] : [{ host, port, fd: passedFd }],
    )
  }

  /** Closes the sockets that this gateway process has not asked for; the service manager's stay. */
  keepOnly(channel: Channel): void {
    for (const [key, socket] of this.#sockets) {
      const taken = socket.takers.has(channel)
      socket.takers.clear()
      if (taken) socket.takers.add(channel)
      else if (socket.passedFd === undefined) {
        socket.handle.close()
        this.#sockets.delete(key)
      }
    }
  }

  /** From now on nobody new is accepted, once the gateway processes have closed theirs. */
  close(): void {
    for (const { handle } of this.#sockets.values()) handle.close()
    this.#sockets.clear()
  }

  #answer(channel: Channel, { id, use, host, port }: SocketRequest): void {
    try {
      const socket = this.#find({ host, port }, use)
      socket.takers.add(channel)
      const answer: SocketAnswer = { type: 'socket', id, port: socket.port }
      post(channel, answer, socket.handle)
    } catch (error) {
      const answer: SocketAnswer = { type: 'socket_refused', id, message: (error as Error).message }
      post(channel, answer)
    }
  }

  #find(address: BoundAddress, use: string): HeldSocket {
    const key = address.port === 0 ? `${address.host} for ${use}` : addressKey(address)
    const known = this.#sockets.get(key)
    if (known !== undefined) return known
    const handle = bindSocket(address)
    const socket: HeldSocket = { ...addressOf(handle), handle, passedFd: undefined, takers: new Set() }
    this.#sockets.set(key, socket)
    return socket
  }
}

/** One form for each address: IPv6 addresses can be written in several. */
function addressKey({ host, port }: BoundAddress): string {
  return host.includes(':')
    ? `[${new SocketAddress({ address: host, family: 'ipv6' }).address}]:${port}`
    : `${host}:${port}`
}

/**
 * File descriptors that the service manager passes to this process: `LISTEN_FDS` of them from 3 on, if `LISTEN_PID` names it
 * (sd_listen_fds(3)). Throws `config_invalid` for a number that is none.
 */
export function passedFds(env: Readonly<Record<string, string | undefined>>, pid: number): readonly number[] {
  if (env.LISTEN_PID !== String(pid) || env.LISTEN_FDS === undefined) return []
  if (!/^\d{1,4}$/.test(env.LISTEN_FDS)) {
    const value = JSON.stringify(env.LISTEN_FDS)
    throw new GatewayError('config_invalid', `Cannot use LISTEN_FDS as a number of sockets: current value is ${value}`)
  }
  return Array.from({ length: Number(env.LISTEN_FDS) }, (_, index) => firstPassedFd + index)
}

function readPassedSocket(fd: number): BoundAddress & { handle: SocketHandle } {
  try {
    const handle = adoptSocket(fd)
    return { handle, ...addressOf(handle) }
  } catch (cause) {
    const message = `Cannot use file descriptor ${fd} as a TCP socket of the service manager: ${(cause as Error).message}`
    throw new GatewayError('config_invalid', message, { cause })
  }
}
