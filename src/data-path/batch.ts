import type { Socket } from 'node:net'
import type { TickClock } from '../base/tick-clock.ts'
import type { UpstreamUser } from './upstream-connection.ts'

/** Takes bytes from its client. */
export type ClientReceiver = { receive(bytes: Buffer): void }

/** Takes bytes that came while `user` was using the connection. */
export type UpstreamReceiver = { receive(bytes: Buffer, user: UpstreamUser): void }

/** Gathers what it writes itself, and writes it when told. */
export type Gatherer = { writeGathered(): void }

/**
 * The work of one turn of the event loop, done stage by stage: while the loop polls, bytes are only gathered; then all requests are
 * read and judged, then all answers, then everything is written. The same code runs for many connections in a row, so it stays in
 * the processor's caches; interleaved with system calls, as events come, the same work costs about twice as much.
 *
 * Nothing waits longer than the turn it came in. Order is kept for each connection; `run()` may be called at any time to have what
 * was gathered done now.
 */
export class Batch {
  readonly #clock: TickClock
  #scheduled = false
  #running = false
  #clients: ClientReceiver[] = []
  #clientBytes: Buffer[] = []
  #upstreams: UpstreamReceiver[] = []
  #upstreamUsers: UpstreamUser[] = []
  #upstreamBytes: Buffer[] = []
  #writers: Socket[] = []
  #writes: (string | Buffer)[] = []
  #gatherers: Gatherer[] = []
  readonly #run = (): void => {
    this.#scheduled = false
    this.run()
  }

  constructor(clock: TickClock) {
    this.#clock = clock
  }

  fromClient(receiver: ClientReceiver, bytes: Buffer): void {
    this.#clients.push(receiver)
    this.#clientBytes.push(bytes)
    this.#schedule()
  }

  /** `bytes` must be the receiver's own to keep. */
  fromUpstream(receiver: UpstreamReceiver, user: UpstreamUser, bytes: Buffer): void {
    this.#upstreams.push(receiver)
    this.#upstreamUsers.push(user)
    this.#upstreamBytes.push(bytes)
    this.#schedule()
  }

  /** Writes at the end of the batch under way, or at once when none is. Text is latin1. */
  write(socket: Socket, data: string | Buffer): void {
    if (this.#running) {
      this.#writers.push(socket)
      this.#writes.push(data)
    } else {
      writeTo(socket, data)
    }
  }

  /** Has `gatherer` write at the end of the batch under way, or at the end of this turn. */
  flushLater(gatherer: Gatherer): void {
    this.#gatherers.push(gatherer)
    if (!this.#running) this.#schedule()
  }

  /** Writes what waits now: to be called before anything that is written or ended past the batch. */
  flush(): void {
    if (this.#gatherers.length > 0) {
      const gatherers = this.#gatherers
      this.#gatherers = []
      for (let at = 0; at < gatherers.length; at++) gatherers[at]?.writeGathered()
    }
    if (this.#writers.length === 0) return
    const writers = this.#writers
    const writes = this.#writes
    this.#writers = []
    this.#writes = []
    for (let at = 0; at < writers.length; at++) writeTo(writers[at] as Socket, writes[at] as string | Buffer)
  }

  /** Does all that was gathered. Called within a batch it does nothing: the batch under way will get there. */
  run(): void {
    if (this.#running) return
    if (this.#clients.length === 0 && this.#upstreams.length === 0) {
      this.flush()
      return
    }
    this.#running = true
    this.#clock.refresh()
    try {
      this.#runClients()
      this.#runUpstreams()
    } finally {
      this.#running = false
      this.flush()
    }
  }

  #runClients(): void {
    const receivers = this.#clients
    const bytes = this.#clientBytes
    this.#clients = []
    this.#clientBytes = []
    for (let at = 0; at < receivers.length; at++) receivers[at]?.receive(bytes[at] as Buffer)
  }

  #runUpstreams(): void {
    const receivers = this.#upstreams
    const users = this.#upstreamUsers
    const bytes = this.#upstreamBytes
    this.#upstreams = []
    this.#upstreamUsers = []
    this.#upstreamBytes = []
    for (let at = 0; at < receivers.length; at++) {
      receivers[at]?.receive(bytes[at] as Buffer, users[at] as UpstreamUser)
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#run)
  }
}

function writeTo(socket: Socket, data: string | Buffer): void {
  if (typeof data === 'string') socket.write(data, 'latin1')
  else socket.write(data)
}
