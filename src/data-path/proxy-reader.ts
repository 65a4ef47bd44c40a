import type { Socket } from 'node:net'
import type { TickClock } from '../base/tick-clock.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import { type ProxySource, parseProxyHeader } from './proxy-header.ts'

/** What became of the header: where the connection comes from (see `ProxyHeader.source`), or why there is none. */
export type ProxyRead =
  | { readonly kind: 'read'; readonly source: ProxySource | undefined }
  /** `detail` says what is wrong and holds nothing the other side sent but numbers. */
  | { readonly kind: 'malformed'; readonly detail: string }
  /** The header was not complete in time. */
  | { readonly kind: 'timeout' }
  /** The connection ended before the header was complete. */
  | { readonly kind: 'closed' }

/**
 * Reads the PROXY protocol header of a connection that was just accepted and not touched yet, then calls `done` once, in the
 * same turn as the last byte of the header came. After `read`, the bytes behind the header are the next that are read from `raw`: a
 * TLSSocket made of it in `done` begins with them. After anything else the caller destroys `raw`.
 *
 * At most one piece of the kernel's (64 KiB) is held beyond `proxyHeaderBytesMax`. To stop waiting, destroy `raw`.
 */
export function readProxyHeader(
  raw: Socket,
  options: {
    /** Longest time until the header is complete. Unit: milliseconds; `Deadlines` fires up to 100 later. */
    timeoutMs: number
    clock: TickClock
    deadlines: Deadlines
  },
  done: (result: ProxyRead) => void,
): void {
  const { clock, deadlines } = options
  let held: Buffer | undefined

  const finish = (result: ProxyRead): void => {
    deadlines.remove(deadline)
    raw.off('data', receive).off('end', closed).off('close', closed)
    if (result.kind === 'read') raw.off('error', ignore)
    done(result)
  }
  const deadline: Deadline = {
    deadlinePlace: -1,
    deadlineMs: clock.monotonicMs() + options.timeoutMs,
    expire: () => finish({ kind: 'timeout' }),
  }
  const closed = (): void => finish({ kind: 'closed' })
  const receive = (bytes: Buffer): void => {
    held = held === undefined ? bytes : Buffer.concat([held, bytes])
    const header = parseProxyHeader(held)
    if (header === 'incomplete') return
    if ('malformed' in header) {
      finish({ kind: 'malformed', detail: header.malformed })
      return
    }
    // Without the pause the stream would still be flowing, and what is put back would be thrown away for want of a listener.
    raw.pause()
    const rest = held.subarray(header.byteLength)
    if (rest.length > 0) raw.unshift(rest)
    clock.refresh()
    finish({ kind: 'read', source: header.source })
  }

  deadlines.add(deadline)
  raw.on('error', ignore).on('close', closed).on('end', closed).on('data', receive)
}

/** An error is always followed by `close`. */
function ignore(): void {}
