import type { ChildProcess, SendHandle } from 'node:child_process'
import type { EventEmitter } from 'node:events'
import type { SocketHandle } from './socket-handle.ts'

/** One end of an IPC channel: `process` in a gateway process, the `ChildProcess` in the supervisor. */
export type Channel = ChildProcess | NodeJS.Process

/**
 * Sends a message, with a duplicate of the socket if one is given. Resolves when the message has left this process, or when it
 * cannot any more because the other end is gone: that end's own end is what is told then.
 */
export function post(channel: Channel, message: object, handle?: SocketHandle): Promise<void> {
  if (channel.connected !== true || channel.send === undefined) return Promise.resolve()
  return new Promise((resolve) => {
    channel.send?.(message, handle as unknown as SendHandle, { keepOpen: true }, () => resolve())
  })
}

/** Calls the listener with every message, and the socket that came with it. */
export function listenTo<Message>(
  channel: Channel,
  listener: (message: Message, handle: SocketHandle | undefined) => void,
): void {
  const emitter: EventEmitter = channel
  emitter.on('message', (message: Message, handle: SocketHandle | undefined) => listener(message, handle))
}
