import { connect as connectTcp, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'

/** Opens a TCP connection, after looking up the name. Rejects with the system's error; the signal ends the attempt. */
export async function reachTcp(place: { host: string; port: number }, signal: AbortSignal): Promise<Socket> {
  const socket = connectTcp({ ...place, signal })
  return await settled(socket, 'connect')
}

/** Speaks TLS over a connection that stands, and verifies what is shown. Rejects with the error of the handshake. */
export async function reachTls(socket: Socket, options: ConnectionOptions): Promise<TLSSocket> {
  const secure = connectTls({ ...options, socket })
  return await settled(secure, 'secureConnect')
}

async function settled<T extends Socket>(socket: T, event: 'connect' | 'secureConnect'): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  socket.once(event, () => resolve(socket))
  // Stays: what goes wrong later is nobody's concern.
  socket.on('error', reject)
  socket.once('close', () => reject(new Error('the other side ended the connection')))
  return await promise
}
