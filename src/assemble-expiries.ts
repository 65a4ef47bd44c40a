import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from './base/clock.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import { countExpiries, type ExpiryCountPorts } from './lifecycle/expiry-counts.ts'
import type { LifecyclePorts } from './lifecycle/ports.ts'
import type { BackgroundMetrics } from './observe/background-metrics.ts'
import { expiryWeeks } from './observe/metric-labels.ts'

/** What counting expiries is made of. */
export type ExpiryOptions = {
  readonly config: Pick<GatewayConfig, 'directory'>
  readonly store: ExpiryCountPorts['store']
  readonly log: LifecyclePorts['log']
  readonly metrics: Pick<BackgroundMetrics, 'certificatesExpiring'>
  readonly clock: Pick<Clock, 'nowMs'>
  /** Resolves after so many milliseconds, or when the signal aborts. Default: by the machine's timers. */
  readonly pause?: (durationMs: number, signal: AbortSignal) => Promise<void>
}

/** How often it is looked whether somebody has counted, or must. Unit: milliseconds. */
const lookEveryMs = 300_000

/**
 * Shows how many certificates expire in which week, from the start on and then all the time; see `countExpiries`. Without a directory
 * nothing is counted.
 */
export function watchExpiries(options: ExpiryOptions): { close(): Promise<void> } {
  const { config, store, log, metrics, clock, pause = pauseByTimer } = options
  if (config.directory === 'none') return { close: async () => {} }
  const ports: ExpiryCountPorts = { store, weeks: expiryWeeks.length, nowMs: () => clock.nowMs() }
  const stop = new AbortController()
  let failures = 0
  const look = async () => {
    try {
      const counts = await countExpiries(ports)
      if (counts !== undefined) metrics.certificatesExpiring(counts)
      failures = 0
    } catch (error) {
      // Once an outage; that the store is away shows elsewhere.
      if (failures === 0)
        log.warn('expiring certificates cannot be counted; it is tried again', { cause: String(error) })
      failures += 1
    }
  }
  const watching = (async () => {
    while (!stop.signal.aborted) {
      await look()
      await pause(lookEveryMs, stop.signal)
    }
  })()
  return {
    async close() {
      stop.abort()
      await watching
    },
  }
}

async function pauseByTimer(durationMs: number, signal: AbortSignal): Promise<void> {
  await wait(durationMs, undefined, { signal, ref: false }).catch(() => undefined)
}
