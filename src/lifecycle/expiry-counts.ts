import { GatewayError } from '../base/errors.ts'
import type { LifecyclePorts } from './ports.ts'

/** What counting reaches out for. */
export type ExpiryCountPorts = {
  readonly store: Pick<LifecyclePorts['store'], 'countNote' | 'expiringCertificates' | 'keepNote' | 'readNote'>
  /** How many weeks are counted. */
  readonly weeks: number
  /** Wall time. Unit: milliseconds since the epoch. */
  nowMs(): number
}

const weekMs = 7 * 86_400_000
const countsNote = 'expiry:counts'
/** How long other gateways leave it to the one that began; more than it takes. Unit: milliseconds. */
const scanLeaseMs = 600_000
/** How long what was counted is shown by every gateway. Unit: milliseconds. */
const countsLifeMs = 3_600_000

/**
 * How many certificates in use expire within 7 days, within the 7 after those, and so on. All gateways of a store share one count an
 * hour, as it goes through every certificate of those weeks. Undefined: another gateway is at it, or this one may only read the store and
 * nobody else has counted. Rejects when the store is away; then another call, from 10 minutes on, counts.
 */
export async function countExpiries(ports: ExpiryCountPorts): Promise<readonly number[] | undefined> {
  const { store, weeks } = ports
  const kept = readCounts(await store.readNote(countsNote), weeks)
  if (kept !== undefined) return kept
  if (!(await isOurTurn(store))) return undefined
  const counts = new Array<number>(weeks).fill(0)
  const nowMs = ports.nowMs()
  for await (const page of store.expiringCertificates(nowMs, nowMs + weeks * weekMs - 1)) {
    for (const { certificate } of page) {
      const week = Math.floor((certificate.notAfterMs - nowMs) / weekMs)
      counts[week] = (counts[week] ?? 0) + 1
    }
  }
  await store.keepNote(countsNote, JSON.stringify(counts), countsLifeMs)
  return counts
}

async function isOurTurn(store: ExpiryCountPorts['store']): Promise<boolean> {
  try {
    return (await store.countNote('expiry:scan', scanLeaseMs)) === 1
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'store_read_only') return false
    throw error
  }
}

/** Undefined also for what another version of the program wrote in another form. */
function readCounts(text: string | undefined, weeks: number): readonly number[] | undefined {
  if (text === undefined) return undefined
  try {
    const counts: unknown = JSON.parse(text)
    return Array.isArray(counts) && counts.length === weeks && counts.every(Number.isSafeInteger) ? counts : undefined
  } catch {
    return undefined
  }
}
