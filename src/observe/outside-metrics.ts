import type { CaSourcesObserver, CrlListStatus } from '../ca-sources/ports.ts'
import type { PublicationObserver } from '../publication/ports.ts'
import { statusClasses, statusClassIndex } from './metric-labels.ts'

/** What the control thread knows of revocations told by other CAs, and of those that it tells others. */
export type OutsideMetrics = CaSourcesObserver &
  PublicationObserver & {
    /** Shows what is known of each CRL now; one that has no series (a reload has taken it away) is passed over. */
    crlListsKnown(lists: readonly CrlListStatus[], nowMs: number): void
    /** Shows how long the published CRLs still are in time. */
    publishedCrlsKnown(nowMs: number): void
  }

type SheetWriter = {
  find(...series: string[]): number | undefined
  set(slot: number | undefined, value: number): void
  add(slot: number | undefined, amount: number): void
}

/** Writes these metrics into a sheet. */
export function createOutsideMetrics({ find, set, add }: SheetWriter): OutsideMetrics {
  const nextUpdates = new Map<string, number>()
  /** Gauges of the configuration: whoever sets them at a scrape may not know yet what a reload has taken away. */
  const show = (metric: string, label: string, value: number) => {
    const slot = find(metric, label)
    if (slot !== undefined) set(slot, value)
  }
  return {
    crlLooked: (list, result) => add(find('sekisho_crl_looks_total', list, result), 1),
    ocspChecked: (issuer, result) => add(find('sekisho_ocsp_checks_total', issuer, result), 1),
    crlListsKnown(lists, nowMs) {
      for (const { issuer, list, entries, number, nextUpdateMs, lookedAtMs } of lists) {
        const label = `${issuer}/${list}`
        show('sekisho_crl_entries', label, entries ?? Number.NaN)
        show('sekisho_crl_number', label, Number(number ?? Number.NaN))
        show('sekisho_crl_next_update_seconds', label, ((nextUpdateMs ?? Number.NaN) - nowMs) / 1_000)
        show('sekisho_crl_look_age_seconds', label, Math.max(0, nowMs - (lookedAtMs ?? Number.NaN)) / 1_000)
      }
    },
    crlSigned(issuer, { number, entries, nextUpdateMs, durationMs }) {
      nextUpdates.set(issuer, nextUpdateMs)
      set(find('sekisho_published_crl_number', issuer), number)
      set(find('sekisho_published_crl_entries', issuer), entries)
      set(find('sekisho_published_crl_sign_seconds', issuer), durationMs / 1_000)
    },
    crlSignFailed: (issuer) => add(find('sekisho_published_crl_sign_failures_total', issuer), 1),
    publishedCrlsKnown(nowMs) {
      for (const [issuer, nextUpdateMs] of nextUpdates) {
        show('sekisho_published_crl_next_update_seconds', issuer, (nextUpdateMs - nowMs) / 1_000)
      }
    },
    publicationAnswers({ ocsp, lists }) {
      for (const [kind, count] of Object.entries(ocsp)) add(find('sekisho_ocsp_answers_total', kind), count)
      for (const [status, count] of Object.entries(lists)) {
        const statusClass = statusClasses[statusClassIndex(Number(status))] ?? 'none'
        add(find('sekisho_published_list_answers_total', statusClass), count)
      }
    },
  }
}
