import net from 'node:net'
import { getSystemErrorMessage } from 'node:util'
import { assert } from '../base/assert.ts'

/**
 * A TCP socket of the operating system that is bound and perhaps not listening yet. `server.listen(handle)` takes it, and
 * `child.send(message, handle)` gives another process a duplicate. Whoever holds the handle closes it, at most once.
 */
export type SocketHandle = {
  readonly fd: number
  close(): void
  /** Fills in the address; returns 0, or the system's error as a negative number. */
  getsockname(address: object): number
}

/** Where a socket is bound. */
export type BoundAddress = { readonly host: string; readonly port: number }

type CreateHandle = (
  host: string | undefined,
  port: number | undefined,
  family: 4 | 6 | undefined,
  fd: number | undefined,
  flags?: number,
) => SocketHandle | number

/** `UV_TCP_IPV6ONLY` of libuv: an IPv6 socket that leaves IPv4 to others. */
const ipv6Only = 1

/**
 * This file is the only one that uses an interface Node does not document: the function that `net.Server` and `node:cluster` make
 * their handles with. Node has no other way to bind a socket before anybody listens, to hold one without accepting from it, or to
 * take over a file descriptor at once. `test/supervise/listening-sockets.test.ts` notices a Node that does it differently.
 */
const createHandle = (net as unknown as { _createServerHandle: CreateHandle })._createServerHandle

/** Binds an IP address; port 0 takes a free one. Throws an Error with the system's message, as for an address in use. */
export function bindSocket({ host, port }: BoundAddress): SocketHandle {
  const family = net.isIP(host)
  assert(family === 4 || family === 6, 'doors listen on IP addresses')
  const handle = createHandle(host, port, family, undefined, family === 6 ? ipv6Only : 0)
  if (typeof handle === 'number') throw new Error(getSystemErrorMessage(handle))
  try {
    // libuv keeps an address in use to itself until somebody asks.
    addressOf(handle)
    return handle
  } catch (error) {
    handle.close()
    throw error
  }
}

/** Takes a file descriptor as this thread's own. Throws an Error if it is not a TCP socket. */
export function adoptSocket(fd: number): SocketHandle {
  const handle = createHandle(undefined, undefined, undefined, fd)
  if (typeof handle === 'number') throw new Error(getSystemErrorMessage(handle))
  return handle
}

/** Throws an Error with the system's message if the socket has no address, for one because it is none. */
export function addressOf(handle: SocketHandle): BoundAddress {
  const address: { address?: string; port?: number } = {}
  const error = handle.getsockname(address)
  if (error !== 0) throw new Error(getSystemErrorMessage(error))
  return { host: address.address ?? '', port: address.port ?? 0 }
}
