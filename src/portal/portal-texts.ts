import type { FaultCode } from '../base/errors.ts'
import type { DenialReason } from '../trust/denial.ts'

/** Languages every page is written in. */
export type Language = 'ja' | 'en'

/** HTTP statuses of faults that have a page of their own; any other borrows the page of 400 or 500. */
export const faultStatuses = [400, 404, 405, 408, 413, 414, 417, 421, 429, 431, 500, 501, 502, 503, 504, 505] as const

export type FaultStatus = (typeof faultStatuses)[number]

/** Faults whose users need other words than those of their status. */
export const faultPageCodes = [
  'login_method_mismatch',
  'login_request_unreadable',
  'path_ambiguous',
  'upgrade_limit',
  'upgrade_origin_mismatch',
  'upstream_unavailable',
] as const satisfies readonly FaultCode[]

/** A fault's page: that of its code, else that of its status. */
export type FaultPage = FaultStatus | (typeof faultPageCodes)[number]

/** Every fault's page. */
export const faultPages: readonly FaultPage[] = [...faultStatuses, ...faultPageCodes]

/** One page's words: a heading, what happened, and what to do next, in that order. */
export type PageText = {
  /** Heading of the page and `title` of the problem details. */
  readonly title: string
  /** What happened, a paragraph each; joined they are the `detail` of the problem details. */
  readonly happened: readonly string[]
  /** What the user does next, in order. */
  readonly steps: readonly string[]
  /** Usual causes, each with its own remedy. */
  readonly causes?: readonly { readonly title: string; readonly remedy: string }[]
}

/** Headings, labels and links shared by all pages. */
export type PortalWords = {
  readonly thisLanguage: string
  readonly denied: string
  readonly failed: string
  readonly nextSteps: string
  readonly causes: string
  readonly certificate: string
  /** Heading over the certificate to choose instead of a superseded one. */
  readonly successor: string
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  readonly expiry: string
  readonly chooseAnother: string
  /** Instead of `chooseAnother`, where none was chosen. */
  readonly chooseOne: string
  /** Says what a click on `chooseAnother` does, and what to do when the browser does not ask. */
  readonly chooseAnotherNote: string
  readonly chooseOneNote: string
  readonly closeBrowsers: string
  /** Instead of `chooseAnotherNote`, where the door has no other authority to offer. */
  readonly closeBrowsersNote: string
  /** Leads from the public door to the certificate door. */
  readonly certificateLogin: string
  readonly certificateLoginNote: string
  readonly issue: string
  readonly issueNote: string
  readonly retry: string
  readonly retryNote: string
  readonly help: string
  readonly contact: string
  readonly contactPoint: string
  readonly hours: string
  readonly requestId: string
  readonly requestIdNote: string
}

/**
 * Every word of the gateway's pages in one language. `{name}` and `{self}` stand for the institution's name and for how
 * it speaks of itself (当行, 当金庫, 当組合).
 */
export type PortalTexts = {
  readonly words: PortalWords
  readonly denial: { readonly [reason in DenialReason]: PageText }
  readonly fault: { readonly [page in FaultPage]: PageText }
}
