import { createHash } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import type { LifecyclePorts } from './ports.ts'

type WindowPorts = Pick<LifecyclePorts, 'passwords'> & {
  readonly store: Pick<LifecyclePorts['store'], 'countNote' | 'readCount'>
}

/**
 * Refuses an address from which too many wrong passwords and codes have come (`passwords.addressFailuresMax`). Whoever gives right ones
 * is never counted, however many share the address (R6). Throws GatewayError `login_throttled`.
 */
export async function checkAddress(address: string, ports: WindowPorts): Promise<void> {
  const { addressFailuresMax } = ports.passwords()
  const { count, lifeMs } = await ports.store.readCount(nameOf(address))
  if (count < addressFailuresMax) return
  throw new GatewayError(
    'login_throttled',
    `Cannot check anything from this address as ${addressFailuresMax} wrong passwords came from it: try again in ${Math.ceil(lifeMs / 1_000)} seconds`,
  )
}

/** Counts a wrong password or code. */
export async function countAddressFailure(address: string, ports: WindowPorts): Promise<void> {
  await ports.store.countNote(nameOf(address), ports.passwords().addressWindowSeconds * 1_000)
}

/** Hashed: whatever stands for an address takes the same room. */
function nameOf(address: string): string {
  return `failures:${createHash('sha256').update(addressRange(address)).digest('base64url')}`
}

/** An IPv4 address, or the first 64 bits of an IPv6 address, because whoever has one usually has all 2^64 behind them. */
function addressRange(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address
  const [head = '', tail] = address.toLowerCase().split('%')[0]?.split('::') ?? []
  const before = head.split(':').filter((group) => group !== '')
  const behind = tail?.split(':').filter((group) => group !== '') ?? []
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - behind.length) }, () => '0')
  const groups = [...before, ...zeros, ...behind].slice(0, 4)
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
