import type { Socket } from 'node:net'

/**
 * Ends a TCP connection with RST, as a machine does that lost its network or its process. One that is `shutting` down, in its own name
 * or in that of a TLS socket above it, is closed in the usual way: libuv refuses to reset it, and Node's process would then never end.
 */
export function reset(socket: Socket, shutting = socket.writableEnded): void {
  if (shutting) socket.destroy()
  else socket.resetAndDestroy()
}
