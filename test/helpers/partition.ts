import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { systemClock } from '../../src/base/clock.ts'

/** Which way bytes go: from the client to the target, or back. */
export type RelayDirection = 'requests' | 'answers'

export type RelayOptions = {
  /** Made for each connection: may change what the target answers, piece by piece. Default: nothing is changed. */
  readonly changeAnswers?: () => (piece: Buffer) => Buffer
}

const bothWays: readonly RelayDirection[] = ['requests', 'answers']
/** From so many waiting bytes on the sender is held back, as a full window does. */
const waitingBytesMax = 1_048_576

/**
 * A way over the network that can be broken: a TCP relay on the loopback in front of one port of 127.0.0.1.
 *
 * open:       passes everything on.
 * cut:        no connection lives or begins, as behind a firewall that resets.
 * blackholed: connections stay and begin, but nothing passes, not even their end, until `heal()`; then all that was held arrives late.
 * slowed:     every piece arrives later, in order.
 */
export class Relay {
  readonly port: number
  readonly #server: Server
  readonly #targetPort: number
  readonly #options: RelayOptions
  readonly #links = new Set<Link>()
  #cut = false
  #held: readonly RelayDirection[] = []
  #delayMs = 0

  static async start(targetPort: number, options: RelayOptions = {}): Promise<Relay> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Relay(server, targetPort, options)
  }

  private constructor(server: Server, targetPort: number, options: RelayOptions) {
    this.#server = server
    this.#targetPort = targetPort
    this.#options = options
    const address = server.address()
    this.port = typeof address === 'object' && address !== null ? address.port : 0
    server.on('connection', (client) => this.#accept(client))
  }

  /** Connections that pass through now. */
  get connections(): number {
    return this.#links.size
  }

  /** Of those connections, the ends that are not closed yet: two each at most. */
  get sides(): number {
    return [...this.#links].reduce((sum, link) => sum + link.sides, 0)
  }

  /** Whether bytes pass both ways without delay. */
  get isOpen(): boolean {
    return !this.#cut && this.#held.length === 0 && this.#delayMs === 0
  }

  /** Whether this text is among the bytes that are held back now, in one piece. */
  isHolding(text: string): boolean {
    return [...this.#links].some((link) => link.isHolding(text))
  }

  /** Ends every connection at once, and each new one. */
  cut(): void {
    this.#cut = true
    for (const link of this.#links) link.destroy()
  }

  /** Holds back what goes these ways. Default both. */
  blackhole(directions: readonly RelayDirection[] = bothWays): void {
    this.#held = directions
  }

  /** Unit: milliseconds each way. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs
  }

  heal(): void {
    this.#cut = false
    this.#held = []
    this.#delayMs = 0
    for (const link of this.#links) link.goOn()
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    if (this.#cut) {
      client.on('error', () => {})
      reset(client)
      return
    }
    const target = connect({ host: '127.0.0.1', port: this.#targetPort, allowHalfOpen: true, noDelay: true })
    const link = new Link(client, target, {
      held: (direction) => this.#held.includes(direction),
      delayMs: () => this.#delayMs,
      changeAnswers: this.#options.changeAnswers?.() ?? ((piece) => piece),
    })
    this.#links.add(link)
    client.once('close', () => {
      if (target.destroyed) this.#links.delete(link)
    })
    target.once('close', () => {
      if (client.destroyed) this.#links.delete(link)
    })
  }
}

type Road = {
  readonly held: (direction: RelayDirection) => boolean
  readonly delayMs: () => number
  readonly changeAnswers: (piece: Buffer) => Buffer
}

/** One connection through the relay. */
class Link {
  readonly #client: Socket
  readonly #target: Socket
  readonly #ways: readonly Way[]

  constructor(client: Socket, target: Socket, road: Road) {
    this.#client = client
    this.#target = target
    this.#ways = [
      new Way('requests', { from: client, to: target, road, change: (piece) => piece }),
      new Way('answers', { from: target, to: client, road, change: road.changeAnswers }),
    ]
  }

  get sides(): number {
    return [this.#client, this.#target].filter(({ destroyed }) => !destroyed).length
  }

  goOn(): void {
    for (const way of this.#ways) way.pass()
  }

  isHolding(text: string): boolean {
    return this.#ways.some((way) => way.isHolding(text))
  }

  destroy(): void {
    reset(this.#client)
    reset(this.#target)
  }
}

/** What waits to go one way: bytes, then how they ended. */
type Waiting = { readonly what: Buffer | 'end' | 'reset'; readonly dueMs: number }

class Way {
  readonly #direction: RelayDirection
  readonly #from: Socket
  readonly #to: Socket
  readonly #road: Road
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(
    direction: RelayDirection,
    ends: { from: Socket; to: Socket; road: Road; change: (piece: Buffer) => Buffer },
  ) {
    this.#direction = direction
    this.#from = ends.from
    this.#to = ends.to
    this.#road = ends.road
    this.#from.on('data', (piece: Buffer) => {
      const changed = ends.change(piece)
      this.#waitingBytes += changed.length
      if (this.#waitingBytes > waitingBytesMax) this.#from.pause()
      this.#add(changed)
    })
    this.#from.on('end', () => this.#add('end'))
    this.#from.on('error', () => {})
    this.#from.on('close', (broken) => {
      if (broken) this.#add('reset')
    })
  }

  #add(what: Waiting['what']): void {
    this.#waiting.push({ what, dueMs: systemClock.monotonicMs() + this.#road.delayMs() })
    this.pass()
  }

  isHolding(text: string): boolean {
    return this.#waiting.some(({ what }) => Buffer.isBuffer(what) && what.includes(text))
  }

  /** Passes on what is due. */
  pass(): void {
    clearTimeout(this.#timer)
    while (!this.#road.held(this.#direction)) {
      const [next] = this.#waiting
      if (next === undefined) break
      const earlyMs = this.#road.delayMs() === 0 ? 0 : next.dueMs - systemClock.monotonicMs()
      if (earlyMs > 0) {
        this.#timer = setTimeout(() => this.pass(), earlyMs)
        break
      }
      this.#waiting.shift()
      this.#deliver(next.what)
    }
  }

  #deliver(what: Waiting['what']): void {
    if (what === 'end') this.#to.end()
    else if (what === 'reset') reset(this.#to)
    else {
      this.#waitingBytes -= what.length
      if (!this.#to.destroyed && this.#to.writable) this.#to.write(what)
      if (this.#waitingBytes <= waitingBytesMax) this.#from.resume()
    }
  }
}

/** The system refuses to reset a connection whose own end was sent before, and Node then never closes it. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
