/**
 * Short-lived values that all gateways share: one-time codes, counts of wrong passwords, results waiting to be read. They are outside
 * the log; an emptied store has none, so whoever needs one to be allowed something is refused.
 *
 * Also the history of contracts and users, for people: what happened, newest first.
 */
export type SharedNotes = {
  /** Keeps a value for so long; replaces one of the same name. */
  keepNote(name: string, value: string, lifeMs: number): Promise<void>
  readNote(name: string): Promise<string | undefined>
  /** Reads and removes in one step: of two who take the same, one gets it. */
  takeNote(name: string): Promise<string | undefined>
  forgetNote(name: string): Promise<void>
  /** Adds one to a count and answers it. It ends `lifeMs` after its first step. */
  countNote(name: string, lifeMs: number): Promise<number>
  /** The count now, 0 if there is none, and how long it still lives (milliseconds). */
  readCount(name: string): Promise<{ readonly count: number; readonly lifeMs: number }>

  /** Adds to the history of a subject, for example `login:user01`; the newest `historyEntriesMax` are kept. */
  addHistory(subject: string, entry: string): Promise<void>
  /** Newest first. */
  history(subject: string, limit: number): Promise<readonly string[]>
}

/** How many entries the history of one subject holds. */
export const historyEntriesMax = 200
