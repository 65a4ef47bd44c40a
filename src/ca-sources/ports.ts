import type { Clock } from '../base/clock.ts'
import type { GatewayConfig } from '../config/gateway-config.ts'
import type { ControlAudit, ControlLog, DataWorkers } from '../control-path/ports.ts'
import type { Publisher } from '../control-path/publish.ts'
import type { TrustStore } from '../control-path/store-port.ts'
import type { SharedIndex } from '../trust/revocation-index.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'

/** What taking revocations from other CAs reaches out for; the assembly gives it. */
export type CaSourcesPorts = {
  /** In force now: a reload may change it. */
  config(): Pick<GatewayConfig, 'issuers' | 'crlFetch'>
  /** The configured issuing CAs, by the names of `config().issuers`. */
  issuers(): readonly IssuingCa[]
  /** Absolute. */
  readonly stateFolder: string
  /** What is revoked already, for the thread that reads lists. */
  readonly index: SharedIndex
  readonly store: Pick<TrustStore, 'countNote' | 'forgetNote' | 'revocation'>
  /** Values that all gateways share, kept here while the store is away. */
  readonly values: Pick<TrustStore, 'readMeta' | 'writeMeta'>
  readonly publisher: Pick<Publisher, 'publish' | 'restore'>
  readonly workers: Pick<DataWorkers, 'connectedKeys' | 'directoryChanged'>
  readonly audit: ControlAudit
  readonly log: ControlLog
  readonly clock: Clock
  readonly observer: CaSourcesObserver
}

/** How a look at a list ended. */
export const crlLookResults = [
  /** A new list was taken. */
  'applied',
  /** The same as before, or one that another gateway has taken. */
  'unchanged',
  /** Taken, but its nextUpdate is past: its CA should have made a newer one. */
  'expired',
  /** Its number, or thisUpdate, is below what was taken before. */
  'rolled_back',
  /** It cannot be trusted: signature, issuer, an unknown critical extension, an indirect list, … */
  'refused',
  'unreadable',
  /** No place gave a list: connection, status, limits. */
  'unreachable',
  /** It was good, but what it says could not be given to the store; it is tried again. */
  'failed',
] as const
export type CrlLookResult = (typeof crlLookResults)[number]

/** How a question to an OCSP responder ended. */
export const ocspCheckResults = ['good', 'revoked', 'unknown', 'refused', 'unreachable'] as const
export type OcspCheckResult = (typeof ocspCheckResults)[number]

/** Counts for metrics. `list` is `<issuer>/<name of the list>`, with `+delta` at its end for its delta list. */
export type CaSourcesObserver = {
  crlLooked(list: string, result: CrlLookResult): void
  ocspChecked(issuer: string, result: OcspCheckResult): void
}

/** What is known of one list, whichever gateway looked. Times: milliseconds since the epoch. */
export type CrlListStatus = {
  readonly issuer: string
  /** Of the list, with `+delta` for its delta list. */
  readonly list: string
  /** Where the list came from: URL or path; undefined before the first one. */
  readonly place: string | undefined
  /** Decimal; undefined before the first list, and for one without a number. */
  readonly number: string | undefined
  readonly thisUpdateMs: number | undefined
  readonly nextUpdateMs: number | undefined
  readonly entries: number | undefined
  /** When a look last ended well (`applied`, `unchanged`), by any gateway. */
  readonly lookedAtMs: number | undefined
  /** How the last look of this gateway ended; undefined: it has not looked since its start. */
  readonly result: CrlLookResult | undefined
  /** What was wrong then, for people; undefined: nothing. */
  readonly fault: string | undefined
}

/** What an operator's list would do, or has done. */
export type CrlImportResult = {
  readonly issuer: string
  readonly dryRun: boolean
  readonly number: string | undefined
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number | undefined
  readonly isDelta: boolean
  readonly entries: number
  /** Entries that were not revoked here: revoked now, or with `dryRun` those that would be. */
  readonly revoked: number
  readonly alreadyRevoked: number
  readonly connectionsCut: number
  /** What an operator should know: expired, older than the list that was taken before, entries passed over. */
  readonly warnings: readonly string[]
}

/** What taking CRLs offers to the admin API and to metrics; `crl-sources.ts` makes it. */
export type CrlDesk = {
  status(): Promise<readonly CrlListStatus[]>
  /** Looks at every list of the issuer now (left out: of all), whoever's turn it is; resolves when all are done. */
  lookNow(issuer?: string): Promise<readonly CrlListStatus[]>
  /**
   * Takes the list in a file (DER or PEM), with the same checks as one that is fetched, except that an expired one and an older one are
   * taken with a warning: what it names was revoked, and nothing is un-revoked by it. Throws `crl_unreadable`, `crl_refused`,
   * `admin_not_found` for an unknown issuer, `store_unavailable` (some of it may have been taken; repeat it).
   */
  importList(file: string, request: { issuer: string; dryRun: boolean; actor: CrlActor }): Promise<CrlImportResult>
}

export type CrlActor = { readonly name: string; readonly role: string; readonly requestId: string }

/** Asks OCSP responders; `ocsp-checker.ts` makes it. */
export type OcspDesk = {
  /**
   * Until when the issuer's responder vouches for the certificate, for issuers with the policy `mustBeGood`; 0: not now. Waits for a
   * first answer for at most the configured `waitMs`. Undefined: its issuer has no such policy; a check may begin in the background.
   * Never rejects. Unit: milliseconds since the epoch.
   */
  goodUntilMs(key: CertificateKey, loginId: string): Promise<number | undefined>
  start(): void
  close(): Promise<void>
}
