import { BlockList, isIP } from 'node:net'
import type { FieldPath, ProblemList } from './problem-list.ts'

/**
 * The ranges as `address/prefix`; one address becomes a range of its own. Notes what is no range, and, with `harm` as the reason,
 * a range that covers everyone.
 */
export function checkRanges(
  written: readonly string[],
  path: FieldPath,
  options: { readonly harm: string; readonly problems: ProblemList },
): string[] {
  return written.map((text, index) => {
    const range = readRange(text)
    if (range === undefined) options.problems.add([...path, index], {})
    else if (range.endsWith('/0')) options.problems.add([...path, index], { reason: options.harm })
    return range ?? text
  })
}

function readRange(written: string): string | undefined {
  const match = /^([0-9A-Fa-f:.]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(written)
  const address = match?.[1] ?? ''
  const family = isIP(address)
  if (family === 0) return undefined
  const prefixMax = family === 4 ? 32 : 128
  const prefix = match?.[2] === undefined ? prefixMax : Number(match[2])
  if (prefix > prefixMax) return undefined
  const range = new BlockList()
  range.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6')
  return `${address}/${prefix}`
}
