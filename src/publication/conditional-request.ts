import type { PublicationRequest } from './ports.ts'

/** What a cache may know of something that is published. */
export type Validators = {
  /** Strong, with its quotes. */
  readonly etag: string
  /** Whole seconds. Unit: milliseconds since the epoch; undefined: nobody is told. */
  readonly lastModifiedMs?: number | undefined
}

/** Whether the client has it already, in the order of precedence of RFC 9110 13.2.2. Fields that cannot be read are passed over. */
export function hasAlready(request: PublicationRequest, { etag, lastModifiedMs }: Validators): boolean {
  const noneMatch = request.header('if-none-match')
  if (noneMatch !== undefined) {
    const tags = noneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
    return tags.includes(etag) || noneMatch.trim() === '*'
  }
  const since = request.header('if-modified-since')
  if (since === undefined || lastModifiedMs === undefined) return false
  // An HTTP date (RFC 9110 5.6.7) begins with the name of the day; Date.parse would take much else.
  const sinceMs = /^(Mon|Tues?|Wed(nes)?|Thu(rs)?|Fri|Sat(ur)?|Sun)/.test(since) ? Date.parse(since) : Number.NaN
  return lastModifiedMs <= sinceMs
}
