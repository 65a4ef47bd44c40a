import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TrustStore } from '../control-path/store-port.ts'
import { parseCertificateKey } from '../x509/certificate-key.ts'
import type { CrlEntry } from './ports.ts'
import { reasonCodeOf } from './reason-codes.ts'

export type PageOptions = {
  readonly issuerId: string
  /** Only versions above this one; 0: all. */
  readonly aboveVersion: number
  /** Asked between two pages: true ends the reading. */
  readonly isOver: () => boolean
}

/** Few changes are read with a short page; a long catch-up needs long ones. */
const firstPageMax = 64
/** A page of the embedded store is read in one turn of the control thread: about 1 ms. */
const pageMax = 500

/**
 * Gives the revocations of one CA to `take`, newest first, page by page, with a turn for everything else in between. Returns the
 * highest version among them, 0 where there are none. Throws `store_unavailable`; what was taken by then is right.
 */
export async function readRevocationPages(
  store: Pick<TrustStore, 'revocations'>,
  { issuerId, aboveVersion, isOver }: PageOptions,
  take: (entries: readonly CrlEntry[]) => void,
): Promise<number> {
  let highest = 0
  let cursor: number | undefined
  let limit = aboveVersion === 0 ? pageMax : firstPageMax
  do {
    const page = await store.revocations({ issuerId, limit, ...(cursor === undefined ? {} : { cursor }) })
    const news = page.revocations.filter(({ version }) => version > aboveVersion)
    for (const { version } of news) if (version > highest) highest = version
    if (news.length > 0) take(news.map(entryOf))
    if (news.length < page.revocations.length) break
    cursor = page.nextCursor
    limit = Math.min(limit * 4, pageMax)
    await nextTurn()
  } while (cursor !== undefined && !isOver())
  return highest
}

function entryOf(revocation: Awaited<ReturnType<TrustStore['revocations']>>['revocations'][number]): CrlEntry {
  const { key, revokedAtMs, reason, version } = revocation
  return { serial: parseCertificateKey(key).serial, revokedAtMs, reasonCode: reasonCodeOf(reason), version }
}
