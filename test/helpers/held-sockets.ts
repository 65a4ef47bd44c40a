import { fork } from 'node:child_process'
import { once } from 'node:events'
import { RemoteSockets, type SocketSource } from '../../src/supervise/socket-source.ts'

/** Listening sockets held by another process, as in production: the gateway in this one gets duplicates. */
export type HeldSockets = SocketSource & {
  /** Port of the door's first address; 0 when it has none. */
  portOf(door: string): number
  /** Closes what the other process holds; resolves when that is done. */
  close(): Promise<void>
}

/** Starts the process that holds them. It ends with this one at the latest. */
export function holdSockets(): HeldSockets {
  const holder = fork(`${import.meta.dirname}/socket-holder.ts`, {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  const ended = once(holder, 'exit')
  const source = new RemoteSockets(holder)
  const ports = new Map<string, number>()
  return {
    take: async (address, use) => {
      const taken = await source.take(address, use)
      if (use.position === 0) ports.set(use.door, taken.port)
      return taken
    },
    portOf: (door) => ports.get(door) ?? 0,
    close: async () => {
      if (holder.connected) holder.disconnect()
      await ended
    },
  }
}
