import type { Socket } from 'node:net'

/** Ends a TCP connection with RST, as a machine does that lost its network or its process. */
export function reset(socket: Socket): void {
  socket.resetAndDestroy()
}
