import type { AuditNote } from '../trust/worker-messages.ts'

import type { AuditSink, RefusalRecord, UnknownOutcome } from './ports.ts'

type Note = AuditNote<RefusalRecord, UnknownOutcome>

/** Notes that may wait for the end of the turn; what comes beyond is counted, and the count is audited. */
const waitingMax = 10_000

/** Gathers what is to be audited in one turn of the event loop and sends it in one message. */
export class AuditNotes implements AuditSink {
  readonly #send: (notes: readonly Note[], dropped: number) => void
  #waiting: Note[] = []
  #dropped = 0

  constructor(send: (notes: readonly Note[], dropped: number) => void) {
    this.#send = send
  }

  refused(record: RefusalRecord): void {
    this.#add({ kind: 'refused', record })
  }

  outcomeUnknown(record: UnknownOutcome): void {
    this.#add({ kind: 'outcome_unknown', record })
  }

  #add(note: Note): void {
    if (this.#waiting.length === 0 && this.#dropped === 0) setImmediate(() => this.#flush())
    if (this.#waiting.length < waitingMax) this.#waiting.push(note)
    else this.#dropped++
  }

  #flush(): void {
    const notes = this.#waiting
    const dropped = this.#dropped
    this.#waiting = []
    this.#dropped = 0
    this.#send(notes, dropped)
  }
}
