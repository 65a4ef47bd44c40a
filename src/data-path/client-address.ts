import type { BlockList } from 'node:net'

/** IPv4 addresses of dual-stack listeners in their own form, so that one client has one address. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

/** As `BlockList` wants it. */
export function addressFamily(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4'
}

/** Whether a plain address is in a list; undefined: nobody is. */
export function isListed(list: BlockList | undefined, address: string): boolean {
  return list?.check(address, addressFamily(address)) ?? false
}
