import { historyEntriesMax, type SharedNotes } from '../../src/control-path/shared-notes-port.ts'

type Note = { value?: string; count: number; readonly endsMs: number }

/** The notes of a store in memory, by a clock that the test moves. Several gateways share one. */
export class FakeNotes implements SharedNotes {
  readonly #nowMs: () => number
  readonly #notes = new Map<string, Note>()
  readonly #history = new Map<string, string[]>()
  /** Thrown by every call while it is set. */
  failure: Error | undefined

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Names of what is kept now. */
  get names(): readonly string[] {
    return [...this.#notes.keys()].filter((name) => this.#find(name) !== undefined)
  }

  /** Values of what is kept now. */
  get values(): readonly string[] {
    return this.names.flatMap((name) => this.#notes.get(name)?.value ?? [])
  }

  async keepNote(name: string, value: string, lifeMs: number): Promise<void> {
    this.#check()
    this.#notes.set(name, { value, count: 0, endsMs: this.#nowMs() + lifeMs })
  }

  async readNote(name: string): Promise<string | undefined> {
    this.#check()
    return this.#find(name)?.value
  }

  async takeNote(name: string): Promise<string | undefined> {
    this.#check()
    const value = this.#find(name)?.value
    this.#notes.delete(name)
    return value
  }

  async forgetNote(name: string): Promise<void> {
    this.#check()
    this.#notes.delete(name)
  }

  async countNote(name: string, lifeMs: number): Promise<number> {
    this.#check()
    const note = this.#find(name) ?? { count: 0, endsMs: this.#nowMs() + lifeMs }
    note.count++
    this.#notes.set(name, note)
    return note.count
  }

  async readCount(name: string): Promise<{ readonly count: number; readonly lifeMs: number }> {
    this.#check()
    const note = this.#find(name)
    return note === undefined ? { count: 0, lifeMs: 0 } : { count: note.count, lifeMs: note.endsMs - this.#nowMs() }
  }

  async addHistory(subject: string, entry: string): Promise<void> {
    this.#check()
    this.#history.set(subject, [entry, ...(this.#history.get(subject) ?? [])].slice(0, historyEntriesMax))
  }

  async history(subject: string, limit: number): Promise<readonly string[]> {
    this.#check()
    return (this.#history.get(subject) ?? []).slice(0, limit)
  }

  #find(name: string): Note | undefined {
    const note = this.#notes.get(name)
    return note !== undefined && note.endsMs > this.#nowMs() ? note : undefined
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure
  }
}
