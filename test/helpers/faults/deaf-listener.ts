import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'

/** A port whose kernel answers no further connection attempt. */
export type DeafListener = { readonly port: number; stop(): Promise<void> }

/** Listens in a thread that never accepts, and fills its queue: whoever connects then waits for an answer to his SYN. */
export async function startDeafListener(): Promise<DeafListener> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     const server = require('node:net').createServer()
     server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
       parentPort.postMessage(server.address().port)
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
     })`,
    { eval: true },
  )
  const [port] = (await once(worker, 'message')) as [number]
  const waiting: Socket[] = []
  // The queue takes one or two more than its size, depending on the kernel.
  for (let full = false; !full; ) {
    const socket = connect({ host: '127.0.0.1', port })
    waiting.push(socket)
    full = await Promise.race([
      once(socket, 'connect').then(() => false),
      new Promise<true>((resolve) => setTimeout(resolve, 200, true)),
    ])
  }
  return {
    port,
    stop: async () => {
      for (const socket of waiting) socket.destroy()
      await worker.terminate()
    },
  }
}
