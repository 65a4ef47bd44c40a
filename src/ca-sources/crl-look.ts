import { Worker } from 'node:worker_threads'
import { GatewayError } from '../base/errors.ts'
import { moduleUrl } from '../base/module-url.ts'
import { type FoundCrl, type LookMessage, type LookOrder, type LookReport, placeName } from './crl-messages.ts'

/** What is done with what a look finds. The thread waits for each; a fault ends it. */
export type LookTakers = {
  revoke(list: FoundCrl, serials: readonly string[], reasonCodes: Uint8Array): Promise<void>
  remove(list: FoundCrl, serials: readonly string[]): Promise<void>
  /** Everything that the list says is in force. `knownEntries`: how many were revoked here before. */
  taken(list: FoundCrl, about: { readonly warnings: readonly string[]; readonly knownEntries: number }): Promise<void>
}

/** Longest time for reading and checking one list. Unit: milliseconds. */
const readingMaxMs = 120_000
/** What the thread has beside the time of its transfer to end it by itself. Unit: milliseconds. */
const graceMs = 5_000
/** Of the thread's own objects; the packed entries are outside. Unit: MiB. */
const heapMaxMib = 256

/**
 * Starts a thread that looks at the places of a list, and resolves with how that ended. A thread that does not end in time, or breaks,
 * is ended and counts as an unreadable list. Throws what a taker has thrown, and GatewayError `crl_unavailable` when `signal` ends it.
 */
export async function runLook(order: LookOrder, takers: LookTakers, signal: AbortSignal): Promise<LookReport> {
  signal.throwIfAborted()
  const ending = Promise.withResolvers<LookReport>()
  const thread = new Worker(moduleUrl('./crl-thread', import.meta.url), {
    workerData: order,
    name: `crl ${order.issuer.name}`,
    resourceLimits: { maxOldGenerationSizeMb: heapMaxMib },
  })
  let timer: NodeJS.Timeout | undefined
  const allow = (durationMs: number) => {
    clearTimeout(timer)
    timer = setTimeout(() => ending.resolve(broken(order, `it took longer than ${durationMs} ms`)), durationMs)
  }
  const take = async (message: LookMessage) => {
    switch (message.type) {
      case 'phase':
        return allow(message.phase === 'transfer' ? order.limits.timeoutMs + graceMs : readingMaxMs)
      case 'done':
        return ending.resolve(message.report)
      default:
        // The store may take as long as it takes.
        clearTimeout(timer)
        await dispatch(message, takers)
        allow(readingMaxMs)
        thread.postMessage('next')
    }
  }
  const abort = () => ending.reject(signal.reason)
  signal.addEventListener('abort', abort)
  let working = Promise.resolve()
  thread.on('message', (message: LookMessage) => {
    working = take(message).catch(ending.reject)
  })
  thread.on('error', (error) => ending.resolve(broken(order, error instanceof Error ? error.message : String(error))))
  thread.on('exit', () => ending.resolve(broken(order, 'its thread ended')))
  allow(readingMaxMs)
  try {
    return await ending.promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
    await thread.terminate()
    await working
  }
}

/** What a look ends with when the gateway does. */
export function lookEnded(): GatewayError {
  return new GatewayError('crl_unavailable', 'Cannot look at the CRL as the gateway ends')
}

function dispatch(message: Exclude<LookMessage, { type: 'phase' | 'done' }>, takers: LookTakers): Promise<void> {
  switch (message.type) {
    case 'revoke':
      return takers.revoke(message.list, message.serials, message.reasonCodes)
    case 'remove':
      return takers.remove(message.list, message.serials)
    case 'taken':
      return takers.taken(message.list, message)
  }
}

function broken({ places }: LookOrder, reason: string): LookReport {
  const place = places.map(placeName).join(', ')
  const fault = `Cannot read the CRL as looking at it failed: ${reason}`
  return { result: 'unreadable', faults: [{ place, result: 'unreadable', fault }], unchanged: undefined }
}
