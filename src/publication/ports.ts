import type { Clock } from '../base/clock.ts'
import type { GatewayConfig } from '../config/gateway-config.ts'
import type { ControlAudit, ControlLog, DirectoryEntry, TrustEvent } from '../control-path/ports.ts'
import type { TrustStore } from '../control-path/store-port.ts'
import type { SharedFreshness } from '../trust/freshness.ts'
import type { RevocationIndex, SharedIndex } from '../trust/revocation-index.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'

/**
 * The issuing CA's publications live in a thread of their own: it keeps the entries of the CRL, signs, and answers HTTP, so that
 * neither a list of a million entries nor a flood of questions delays a login or a revocation. The control thread feeds it
 * (`PublicationFeed`) and decides with the other gateways when a list gets its next number.
 */

/** One revoked certificate of the issuing CA. */
export type CrlEntry = {
  /** Lower-case hex, no leading zeros. */
  readonly serial: string
  /** Unit: milliseconds since the epoch. */
  readonly revokedAtMs: number
  /** RFC 5280 5.3.1 CRLReason; 0: unspecified, and not written. */
  readonly reasonCode: number
  /** Of the event that revoked it: what came after the base goes into the delta list. */
  readonly version: number
}

/** What all gateways publish alike: shared through the store, changed by compare-and-set. Numbers only rise. */
export type CrlRecord = {
  readonly number: number
  /** Every change up to this version of the store's log is in it. */
  readonly version: number
  /** Whole seconds. Unit: milliseconds since the epoch. */
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
  /** The complete list to which the delta list tells the difference. */
  readonly baseNumber: number
  readonly baseVersion: number
  readonly baseAtMs: number
  /**
   * Serial numbers taken away since the base, with the version that did it: a gateway that starts now cannot learn them from the
   * revocations in force. Few: more of them make a new base. Left out: none.
   */
  readonly removed?: Readonly<Record<string, number>>
}

/** From the control thread to the publication thread, in order. */
export type FeedMessage =
  /** Adds entries; one whose serial number is there already keeps its earlier date. */
  | { readonly type: 'revoked'; readonly entries: readonly CrlEntry[] }
  /** Takes entries away; a delta list says removeFromCRL. */
  | { readonly type: 'restored'; readonly serials: readonly string[]; readonly version: number }
  /** Sign the lists of this record over what has been said by now, and serve them from then on. */
  | { readonly type: 'sign'; readonly record: CrlRecord }
  /** What the directory says, as an answer to `look_up`. */
  | { readonly type: 'looked_up'; readonly id: number; readonly answer: SerialAnswer }
  | { readonly type: 'close' }

/** What is known of a serial number of the issuing CA. */
export type SerialAnswer =
  | 'unavailable'
  /** Recorded in the directory: what rules look at. */
  | { readonly recorded: true; readonly loginId: string; readonly notBeforeMs: number }
  /** Nobody recorded it; `passes`: a door would let it in all the same (`certificates.mustBeRegistered: false`). */
  | { readonly recorded: false; readonly passes: boolean }

/** From the publication thread to the control thread. */
export type ThreadMessage =
  /** It answers HTTP; lists are served from the first `signed` on. */
  | { readonly type: 'listening' }
  | {
      readonly type: 'signed'
      readonly record: CrlRecord
      readonly entries: number
      readonly deltaEntries: number
      /** Of the complete list. */
      readonly bytes: number
      readonly durationMs: number
    }
  /** It is tried again with the next `sign`; the lists before stay. */
  | { readonly type: 'sign_failed'; readonly record: CrlRecord; readonly fault: string }
  | { readonly type: 'look_up'; readonly id: number; readonly key: CertificateKey }
  /** A certificate for signing OCSP answers was made; its key never leaves the thread. */
  | { readonly type: 'responder_issued'; readonly serial: string; readonly notAfterMs: number }
  | { readonly type: 'answers'; readonly counts: PublicationCounts }
  /** For the process log. */
  | {
      readonly type: 'log'
      readonly level: 'info' | 'warn' | 'error'
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }

/** Answers since the last message, for metrics. */
export type PublicationCounts = {
  /** By certificate status, and by how the request as a whole failed. */
  readonly ocsp: Readonly<Partial<Record<OcspAnswerKind, number>>>
  /** Of lists, by HTTP status. */
  readonly lists: Readonly<Record<string, number>>
}

/** What an OCSP request was answered, for metrics. */
export const ocspAnswerKinds = [
  'good',
  'revoked',
  'unknown',
  'malformed',
  'try_later',
  'unauthorized',
  'failed',
] as const
export type OcspAnswerKind = (typeof ocspAnswerKinds)[number]

/** What the thread is started with. */
export type PublicationStart = {
  readonly config: Pick<GatewayConfig, 'publication' | 'issuing' | 'issuers' | 'doors' | 'certificates'>
  readonly index: SharedIndex
  readonly freshness: SharedFreshness
  /** As `Freshness` wants them. */
  readonly revocation: GatewayConfig['revocation']
  /** Unix socket on which the gateway's workers reach it. */
  readonly socketPath: string
  /** Listening TCP sockets of `doors.publication`: file descriptors of this thread's own. */
  readonly sockets: readonly number[]
  /** What a token's libraries find their configuration by. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A request for something published. */
export type PublicationRequest = {
  /** HEAD counts as GET. */
  readonly method: 'GET' | 'POST'
  /** Without query, as it was sent. */
  readonly path: string
  /** Lower-case name. */
  header(name: string): string | undefined
  /** The whole body. Throws GatewayError `body_too_large` beyond `bytesMax`. */
  body(bytesMax: number): Promise<Buffer>
}

export type PublicationAnswer = {
  readonly status: number
  /** Without framing and date. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly contentType: string
  /** In order; a list of a million entries is not copied for each request. Empty for 304. */
  readonly body: readonly Uint8Array[]
}

/** Something that answers requests; undefined: they are not for it. */
export type Publication = {
  answer(request: PublicationRequest): Promise<PublicationAnswer> | undefined
}

/** What the control thread's side reaches out for; the assembly gives it. */
export type PublicationPorts = {
  /** In force now; `publication` is defined. */
  config(): GatewayConfig
  readonly store: Pick<TrustStore, 'certificatesOf' | 'directory' | 'recordedCertificate' | 'revocations' | 'rules'>
  readonly values: Pick<TrustStore, 'readMeta' | 'writeMeta'>
  readonly index: RevocationIndex
  readonly follower: {
    /** Resolves once everything the store has said is in force here. */
    caughtUp(): Promise<void>
    /** Called with what was applied, in order, from now on, until it is called off. */
    onTaken(listener: (events: readonly TrustEvent[]) => void): () => void
  }
  readonly audit: ControlAudit
  readonly log: ControlLog
  readonly clock: Clock
  readonly observer: PublicationObserver
}

/** For metrics. `issuer`: name of the issuing CA. */
export type PublicationObserver = {
  crlSigned(issuer: string, signed: { number: number; entries: number; nextUpdateMs: number; durationMs: number }): void
  crlSignFailed(issuer: string): void
  publicationAnswers(counts: PublicationCounts): void
}

export type { DirectoryEntry, TrustEvent }
