import { randomBytes } from 'node:crypto'

/**
 * Request ids of one worker: eight random characters of the worker's start, a hyphen and a counter, both base 36. Unique, short
 * enough to be read out on the telephone, and no secret.
 */
export function createRequestIds(): () => string {
  const start = BigInt(`0x${randomBytes(6).toString('hex')}`)
    .toString(36)
    .slice(-8)
    .padStart(8, '0')
  let count = 0
  return () => `${start}-${(++count).toString(36)}`
}
