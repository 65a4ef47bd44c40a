import { type FaultCode, type FaultOrigin, faults } from '../../base/errors.ts'
import { faultWords } from '../../portal/fault-words.ts'
import { faultPageOf } from '../../portal/pages.ts'
import type { PageText } from '../../portal/portal-texts.ts'
import { textsEn } from '../../portal/texts-en.ts'
import { cutReasons, type DenialReason, denialReasons, denialStatus } from '../../trust/denial.ts'

/** What became of a request. */
export type Fate = {
  readonly kind: 'answered' | 'own' | 'refused' | 'cut' | 'failed' | 'left' | 'ended'
  /** The word of the logs. */
  readonly outcome: string
  /** In a few words. */
  readonly headline: string
  /** The page that the user got; undefined: none of the gateway's. */
  readonly shown: PageText | undefined
}

const origins: Readonly<Record<FaultOrigin, string>> = {
  client: 'the client’s side',
  gateway: 'the gateway itself',
  upstream: 'the application’s side',
  operator: 'the configuration or the operation of the gateway',
}

/** Reads the fate from the line of the access log, or from a refusal that only the audit log or the store has. */
export function fateOf({ outcome, status }: { outcome: string; status: number | undefined }): Fate {
  const denial = denialReasons.find((reason) => reason === outcome)
  if (denial !== undefined && (status === undefined || status === denialStatus(denial))) {
    return { kind: 'refused', outcome, headline: `refused (${denial})`, shown: textsEn.denial[denial] }
  }
  if (cutReasons.some((reason) => reason === outcome) && !isFaultAnswer(outcome, status)) {
    const headline = `let in, then cut while it was under way (${outcome})`
    return { kind: 'cut', outcome, headline, shown: undefined }
  }
  if (Object.hasOwn(faults, outcome)) return faultFate(outcome as FaultCode, status)
  return plainFate(outcome, status)
}

/** `login_method_mismatch` is both: why connections are cut, and the answer to a login with a password. */
function isFaultAnswer(outcome: string, status: number | undefined): boolean {
  return Object.hasOwn(faults, outcome) && status === faults[outcome as FaultCode].status
}

function faultFate(code: FaultCode, status: number | undefined): Fate {
  const { origin, status: own } = faults[code]
  const isRefusal = origin === 'client' && (status === undefined || status === own)
  const headline = `${isRefusal ? 'refused' : 'failed'} (${code}); the cause is on ${origins[origin]}`
  const hadPage = status === undefined || status === own
  return { kind: isRefusal ? 'refused' : 'failed', outcome: code, headline, shown: hadPage ? pageOf(code) : undefined }
}

function pageOf(code: FaultCode): PageText {
  const own = faultWords.en as Readonly<Record<string, PageText>>
  return own[code] ?? textsEn.fault[faultPageOf(code)]
}

function plainFate(outcome: string, status: number | undefined): Fate {
  const of = (kind: Fate['kind'], headline: string): Fate => ({ kind, outcome, headline, shown: undefined })
  if (outcome === 'answered') return of('answered', `let in, and answered by the application with status ${status}`)
  if (outcome === 'own') return of('own', `answered by the gateway’s own pages with status ${status}`)
  if (outcome === 'client_closed') return of('left', 'let in; the client went away before the answer had ended')
  if (outcome === 'tls_error') return of('left', 'let in; the TLS connection broke')
  return of('ended', `let in; the connection ended meanwhile (${outcome})`)
}

/** Whether the word is one for which users are refused by their certificate. */
export function isDenial(word: string): word is DenialReason {
  return denialReasons.some((reason) => reason === word)
}
