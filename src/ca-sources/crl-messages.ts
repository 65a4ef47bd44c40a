import type { CrlPlace, GatewayConfig } from '../config/gateway-config.ts'
import type { SharedIndex } from '../trust/revocation-index.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import type { CrlLookResult } from './ports.ts'

/** What was taken of a list last, as all gateways share it (`crlsTaken`). Times: milliseconds since the epoch. */
export type TakenCrl = {
  /** URL or path. */
  readonly place: string
  /** Of the answer, for the next conditional request; undefined: the server gave none, or it was a file. */
  readonly etag?: string | undefined
  readonly lastModified?: string | undefined
  /** Decimal. */
  readonly number?: string | undefined
  /** Decimal; of a delta list: the complete list it is a difference to. */
  readonly baseNumber?: string | undefined
  readonly thisUpdateMs: number
  readonly nextUpdateMs?: number | undefined
  readonly entries: number
  /** Of the list's DER, lower-case hex. */
  readonly sha256: string
}

/** `complete` and `delta`: what a configured place must give. `import`: either. */
export type CrlKind = 'complete' | 'delta' | 'import'

/** What a look has to know of the lists that were taken before. */
export type KnownCrls = { readonly complete: TakenCrl | undefined; readonly delta: TakenCrl | undefined }

/** What a look's thread is started with. */
export type LookOrder = {
  readonly kind: CrlKind
  readonly issuer: IssuingCa
  readonly places: readonly CrlPlace[]
  /** The only CAs that are trusted for https:// places. */
  readonly caPem: string | undefined
  readonly known: KnownCrls
  readonly limits: GatewayConfig['crlFetch']
  /** Whether removeFromCRL is told. */
  readonly tellsRemoved: boolean
  /** For what is being transferred; it exists. */
  readonly folder: string
  readonly index: SharedIndex
  /** Unit: milliseconds since the epoch. */
  readonly nowMs: number
}

/** A list that is good. `expired`: but for its nextUpdate. */
export type FoundCrl = TakenCrl & { readonly expired: boolean }

/** What was wrong with one place. */
export type PlaceFault = {
  readonly place: string
  readonly result: Extract<CrlLookResult, 'expired' | 'rolled_back' | 'refused' | 'unreadable' | 'unreachable'>
  readonly fault: string
}

/** What the thread says; after all but `phase` and `done` it waits for `next`. */
export type LookMessage =
  | { readonly type: 'phase'; readonly phase: 'transfer' | 'reading' }
  /** Entries that are not revoked here, at the same places in both lists. Reason codes as in `crlReasons`. */
  | {
      readonly type: 'revoke'
      readonly list: FoundCrl
      readonly serials: readonly string[]
      readonly reasonCodes: Uint8Array
    }
  /** Entries of a delta list with removeFromCRL that are revoked here. */
  | { readonly type: 'remove'; readonly list: FoundCrl; readonly serials: readonly string[] }
  /** Everything of the list has been told; so many entries were revoked here already. */
  | {
      readonly type: 'taken'
      readonly list: FoundCrl
      readonly warnings: readonly string[]
      readonly knownEntries: number
    }
  | { readonly type: 'done'; readonly report: LookReport }

/** The control thread's answer: what was told is done. */
export type LookAnswer = 'next'

/** How a look ended. */
export type LookReport = {
  readonly result: Exclude<CrlLookResult, 'failed'>
  /** Of the places that were looked at, in their order. */
  readonly faults: readonly PlaceFault[]
  /** A good list of which nothing had to be taken: the one from before, or one that says no more than it. */
  readonly unchanged: TakenCrl | undefined
}

/** As status, logs and the shared state have it. */
export function placeName(place: CrlPlace): string {
  return place.kind === 'url' ? place.url : place.path
}

/** What is remembered of a list. */
export function takenOf({ expired: _, ...taken }: FoundCrl): TakenCrl {
  return taken
}
