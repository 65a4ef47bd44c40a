import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type UpstreamTls, upstreamTlsOptions } from '../x509/upstream-tls.ts'
import type { Batch } from './batch.ts'
import type { UpstreamTarget } from './upstream-target.ts'

/** Who uses an upstream connection: the exchange it carries. */
export type UpstreamUser = {
  /** Bytes of the answer. The buffer is shared and only valid during the call: what is kept must be copied. */
  upstreamData(bytes: Buffer): void
  /** The connection ended or failed; nothing more will come. */
  upstreamEnded(error: Error | undefined): void
  /** The connection stands; with TLS the upstream's certificate has been verified. */
  upstreamConnected(): void
  /** What was written has left; writing may go on. */
  upstreamDrained(): void
}

/** What is told of a connection. */
export type UpstreamOwner = {
  /** Its exchange ended cleanly; it has no user now. */
  released(connection: UpstreamConnection): void
  /** An unused connection has ended or misbehaved and must not be used again. */
  idleEnded(connection: UpstreamConnection): void
  connectionClosed(connection: UpstreamConnection): void
}

// Every read of every upstream socket of this worker goes through one buffer, because a read is handed on before the next
// one happens. That spares an allocation a read; users copy what they keep.
const readBuffer = Buffer.allocUnsafeSlow(65_536)

/** Larger pieces of an answer are handed on at once. Unit: bytes. */
const batchedBytesMax = 8_192

/** One connection to the application. */
export class UpstreamConnection {
  readonly target: UpstreamTarget
  /** May be written to at once: what is written leaves when `connected`, and never if that fails. */
  readonly socket: Socket
  /** The exchange being carried; undefined while unused. */
  user: UpstreamUser | undefined
  /** Exchanges carried before this one. */
  exchanges = 0
  connected = false
  idleSinceMs = 0
  readonly #owner: UpstreamOwner
  readonly #batch: Batch
  #error: Error | undefined

  constructor(
    options: { readonly target: UpstreamTarget; readonly tls: UpstreamTls | undefined; readonly batch: Batch },
    owner: UpstreamOwner,
  ) {
    this.target = options.target
    this.#owner = owner
    this.#batch = options.batch
    const { host, port, socketPath } = options.target
    const plain = {
      ...(socketPath === undefined ? { host, port, noDelay: true } : { path: socketPath }),
      onread: { buffer: readBuffer, callback: (bytesRead: number) => this.#read(bytesRead) },
    }
    if (options.tls === undefined) {
      this.socket = connect(plain)
      this.socket.on('connect', () => this.#connected())
    } else {
      this.socket = connectTls({ ...plain, ...upstreamTlsOptions(options.tls, host) })
      // Node verifies the certificate before it sends what was written, but does not promise to; this does.
      this.socket.cork()
      this.socket.on('secureConnect', () => {
        this.#connected()
        this.socket.uncork()
      })
    }
    this.socket.on('drain', () => this.user?.upstreamDrained())
    this.socket.on('error', (error) => {
      this.#error = error
    })
    this.socket.on('end', () => this.#ended())
    this.socket.on('close', () => {
      this.#ended()
      this.#owner.connectionClosed(this)
    })
  }

  /** Ends the connection at once, whatever is under way. */
  destroy(): void {
    this.user = undefined
    this.socket.destroy()
  }

  /** Gives the connection back after a complete answer with not a byte too many. */
  release(): void {
    this.user = undefined
    this.exchanges++
    this.#owner.released(this)
  }

  #connected(): void {
    this.connected = true
    this.user?.upstreamConnected()
  }

  #read(bytesRead: number): boolean {
    const { user } = this
    if (user === undefined) {
      // Bytes nobody asked for: whoever sent them may answer the next user's request with them (desync).
      this.#owner.idleEnded(this)
      this.destroy()
      return false
    }
    if (bytesRead > batchedBytesMax) {
      // Large pieces are not worth a copy: what came before is done first, then this.
      this.#batch.run()
      this.receive(readBuffer.subarray(0, bytesRead), user)
    } else {
      const bytes = Buffer.allocUnsafe(bytesRead)
      readBuffer.copy(bytes, 0, 0, bytesRead)
      this.#batch.fromUpstream(this, user, bytes)
    }
    return true
  }

  /**
   * Bytes handed on, at once or by the batch. Were they sent while another request used the connection, they belong to nobody: the
   * connection is destroyed, and its new user is told so and never sees them.
   */
  receive(bytes: Buffer, user: UpstreamUser): void {
    if (this.user === user) user.upstreamData(bytes)
    else if (!this.socket.destroyed) {
      this.#owner.idleEnded(this)
      this.socket.destroy()
    }
  }

  #ended(): void {
    this.#batch.run()
    const { user } = this
    if (user === undefined) {
      this.#owner.idleEnded(this)
      this.socket.destroy()
      return
    }
    this.user = undefined
    this.socket.destroy()
    user.upstreamEnded(this.#error)
  }
}
