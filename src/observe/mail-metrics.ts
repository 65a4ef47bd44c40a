import type { mailEnds, mailStates, noticeRunResults } from './metric-labels.ts'

/** What the control thread knows of notices and their mails. */
export type MailMetrics = {
  /** An attempt to send a mail ended. */
  mailEnded(end: (typeof mailEnds)[number]): void
  /** How many mails of a state are in the outbox now. */
  mailsKept(state: (typeof mailStates)[number], count: number): void
  noticeRunEnded(result: (typeof noticeRunResults)[number]): void
  /** Notices of expiry put into the outbox. */
  noticesAdded(count: number): void
  /** Notices of acts that nobody will get. */
  noticesLost(count: number): void
}

type SheetWriter = {
  find(...series: string[]): number | undefined
  set(slot: number | undefined, value: number): void
  add(slot: number | undefined, amount: number): void
}

/** Writes the metrics of notices and mails into a sheet. */
export function createMailMetrics({ find, set, add }: SheetWriter): MailMetrics {
  return {
    mailEnded: (end) => add(find('sekisho_mails_total', end), 1),
    mailsKept: (state, count) => set(find('sekisho_mails_kept', state), count),
    noticeRunEnded: (result) => add(find('sekisho_notice_runs_total', result), 1),
    noticesAdded: (count) => add(find('sekisho_notices_added_total'), count),
    noticesLost: (count) => add(find('sekisho_notices_lost_total'), count),
  }
}
