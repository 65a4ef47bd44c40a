// Goal: listening sockets outlive those who accept from them, and each user has a duplicate of its own. Method: sockets held by
// another process, as in production, and real connections; the interface of Node that is not documented does what we rely on.
import type { ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import { ListeningSockets, passedFds } from '../../src/supervise/listening-sockets.ts'
import { addressOf, adoptSocket, bindSocket, type SocketHandle } from '../../src/supervise/socket-handle.ts'
import { holdSockets } from '../helpers/held-sockets.ts'

const any = { host: '127.0.0.1', port: 0 }

async function accept(t: Test, handle: SocketHandle, answer: string): Promise<Server> {
  const server = createServer((socket) => socket.end(answer))
  server.listen(handle)
  await once(server, 'listening')
  t.teardown(() => server.close())
  return server
}

/** Resolves with what the one who accepts says. */
async function visit(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let said = ''
  socket.setEncoding('utf8').on('data', (text: string) => (said += text))
  await once(socket, 'close')
  return said
}

t.test('a connection waits for the next one who accepts', async (t) => {
  const sockets = holdSockets()
  t.teardown(() => sockets.close())
  const first = await sockets.take(any, { door: 'certificate', position: 0 })
  const server = await accept(t, first.handle, 'first')
  t.equal(await visit(first.port), 'first')
  server.close()
  await once(server, 'close')
  const waiting = visit(first.port)
  const second = await sockets.take(any, { door: 'certificate', position: 0 })
  t.equal(second.port, first.port)
  await accept(t, second.handle, 'second')
  t.equal(await waiting, 'second')
})

t.test('once everybody has closed theirs, connections are refused', async (t) => {
  const sockets = holdSockets()
  const { handle, port } = await sockets.take(any, { door: 'certificate', position: 0 })
  const server = await accept(t, handle, 'here')
  await sockets.close()
  t.equal(await visit(port), 'here')
  server.close()
  await once(server, 'close')
  await t.rejects(visit(port), { code: 'ECONNREFUSED' })
})

t.test('two uses of port 0 are two sockets; an address in use is refused with its door', async (t) => {
  const sockets = holdSockets()
  t.teardown(() => sockets.close())
  const one = await sockets.take(any, { door: 'certificate', position: 0 })
  const two = await sockets.take(any, { door: 'certificate', position: 1 })
  t.not(one.port, two.port)
  await accept(t, one.handle, 'one')
  const others = holdSockets()
  t.teardown(() => others.close())
  await t.rejects(others.take(one, { door: 'public', position: 0 }), {
    code: 'config_invalid',
    message: `Cannot listen on 127.0.0.1 port ${one.port} for the door public: address already in use`,
  })
})

t.test('an IPv6 address does not take the IPv4 port', async (t) => {
  const six = bindSocket({ host: '::1', port: 0 })
  const { host, port } = addressOf(six)
  t.equal(host, '::1')
  const four = bindSocket({ host: '127.0.0.1', port })
  for (const handle of [six, four]) handle.close()
})

t.test('sockets of the service manager are found by address; what is none is refused', async (t) => {
  const handle = bindSocket(any)
  const sockets = new ListeningSockets([handle.fd])
  t.strictSame(sockets.unclaimed(), [{ ...addressOf(handle), fd: handle.fd }])
  sockets.close()
  t.throws(() => new ListeningSockets([0]), {
    code: 'config_invalid',
    message: /Cannot use file descriptor 0 as a TCP/,
  })
  t.throws(() => adoptSocket(999), Error)
})

t.test('LISTEN_FDS counts for the process that LISTEN_PID names', async (t) => {
  t.strictSame(passedFds({ LISTEN_PID: '7', LISTEN_FDS: '2' }, 7), [3, 4])
  t.strictSame(passedFds({ LISTEN_PID: '8', LISTEN_FDS: '2' }, 7), [])
  t.strictSame(passedFds({ LISTEN_FDS: '2' }, 7), [])
  t.strictSame(passedFds({ LISTEN_PID: '7' }, 7), [])
  t.throws(() => passedFds({ LISTEN_PID: '7', LISTEN_FDS: 'two' }, 7), { code: 'config_invalid', message: /"two"/ })
})

t.test('only the sockets of who is in charge are kept, and the service manager’s', async (t) => {
  const passed = bindSocket(any)
  const sockets = new ListeningSockets([passed.fd])
  t.teardown(() => sockets.close())
  const [old, next] = [new PlayedTaker(), new PlayedTaker()]
  for (const taker of [old, next]) sockets.serve(taker as unknown as ChildProcess)
  const dropped = old.take('dropped')
  const kept = old.take('kept')
  t.equal(next.take('kept'), kept, 'the same socket')
  t.equal(old.ask({ use: 'manager', ...addressOf(passed) }), addressOf(passed).port)
  sockets.keepOnly(next as unknown as ChildProcess)
  t.not(next.take('dropped'), dropped, 'it was closed: this is another one')
  t.equal(old.take('kept'), kept)
  t.equal(old.ask({ use: 'manager', ...addressOf(passed) }), addressOf(passed).port)
})

/** A gateway process that only asks for sockets. */
class PlayedTaker extends EventEmitter {
  readonly connected = true
  #port = 0

  send(message: { readonly port: number }, _handle: unknown, _options: unknown, sent: () => void): boolean {
    this.#port = message.port
    sent()
    return true
  }

  ask(request: { use: string; host: string; port: number }): number {
    this.emit('message', { type: 'take_socket', id: 1, ...request })
    return this.#port
  }

  take(use: string): number {
    return this.ask({ use, ...any })
  }
}
