/** Records kept while nobody can write them: some minutes of refusals of a busy gateway. More are dropped and counted. */
const waitingMax = 10_000

/** Takes records, and how many were lost before them. */
export type AuditWriter<Record> = (records: readonly Record[], dropped: number) => void

/**
 * Where audit records go while the one who may write the audit log changes. States: writing (a writer is given); holding (there is
 * none: records wait, in order).
 */
export class AuditOutlet<Record> {
  #writer: AuditWriter<Record> | undefined
  #waiting: Record[] = []
  #dropped = 0

  /** Never throws and never waits. */
  record(record: Record): void {
    if (this.#writer !== undefined) this.#writer([record], 0)
    else if (this.#waiting.length < waitingMax) this.#waiting.push(record)
    else this.#dropped++
  }

  /** Takes records that another process could not write, and notes those that it lost. */
  take(records: readonly Record[], dropped: number): void {
    for (const record of records) this.record(record)
    if (dropped === 0) return
    if (this.#writer === undefined) this.#dropped += dropped
    else this.#writer([], dropped)
  }

  /** Everything goes to this writer from now on, what has waited first. */
  use(writer: AuditWriter<Record>): void {
    this.#writer = writer
    const [waiting, dropped] = [this.#waiting, this.#dropped]
    this.#waiting = []
    this.#dropped = 0
    if (waiting.length > 0 || dropped > 0) writer(waiting, dropped)
  }

  /** Nobody can write now: records wait. */
  hold(): void {
    this.#writer = undefined
  }
}
