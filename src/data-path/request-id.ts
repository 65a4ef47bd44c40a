import { randomBytes } from 'node:crypto'

/**
 * Makes the beginnings of request ids, one for each connection of a worker: eight random characters of the worker's start, a hyphen,
 * a counter (both base 36) and a hyphen. The number of the request on its connection follows. Unique, short enough to be read out on
 * the telephone, and no secret.
 */
export function createRequestIds(): () => string {
  const start = BigInt(`0x${randomBytes(6).toString('hex')}`)
    .toString(36)
    .slice(-8)
    .padStart(8, '0')
  let count = 0
  return () => `${start}-${(++count).toString(36)}-`
}
