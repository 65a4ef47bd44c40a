import { expiryWeeks } from './metric-labels.ts'

/** What the control thread finds out in the background. */
export type BackgroundMetrics = {
  /** Certificates in use that expire in this week, and in each of the following ones. */
  certificatesExpiring(byWeek: readonly number[]): void
  /** The audit log was read from its first record to its last. */
  auditChainRead(intact: boolean): void
}

type SheetWriter = {
  find(...series: string[]): number | undefined
  set(slot: number | undefined, value: number): void
}

/** Writes the metrics of what is looked at in the background into a sheet. */
export function createBackgroundMetrics({ find, set }: SheetWriter): BackgroundMetrics {
  return {
    certificatesExpiring(byWeek) {
      for (const [place, week] of expiryWeeks.entries())
        set(find('sekisho_certificates_expiring', week), byWeek[place] ?? 0)
    },
    auditChainRead: (intact) => set(find('sekisho_audit_chain_intact'), intact ? 1 : 0),
  }
}
