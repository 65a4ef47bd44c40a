import { Worker } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import type { DenialReason } from '../trust/denial.ts'
import type { DirectoryAnswer } from '../trust/directory-answer.ts'
import type { ConnectionSummary, CutSelector } from '../trust/live-connections.ts'
import type { ControlMessage, DoorAddress, WorkerCall, WorkerMessage } from '../trust/worker-messages.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { DataWorkers } from './ports.ts'

export type WorkerPoolOptions<Refusal, Unknown> = {
  /** Module that runs in the worker thread. */
  readonly module: URL
  /** What a new worker is given; `slot` counts from 0 and stays the same for its replacement. */
  readonly startOf: (slot: number, id: string) => unknown
  readonly count: number
  readonly answer: (loginId: string, key: CertificateKey) => Promise<DirectoryAnswer>
  readonly audit: (notes: (WorkerMessage<Refusal, Unknown> & { type: 'audit' })['notes'], dropped: number) => void
  /** A worker ended without being asked to; a new one takes its place. */
  readonly workerEnded: (id: string, why: string) => void
  /** Calls a new worker must have answered before it counts as ready. */
  readonly firstCalls: () => readonly WorkerCall[]
}

/** Shortest time between two starts in one place, so that a worker that cannot start does not take the machine. */
const restartPauseMs = 500

/**
 * The data workers as the control thread sees them: started, called, and replaced when one crashes. A call reaches every worker
 * that is running; one that ends meanwhile has no connections left, so it counts as done.
 */
export class WorkerPool<Refusal, Unknown> implements DataWorkers {
  readonly #options: WorkerPoolOptions<Refusal, Unknown>
  readonly #workers = new Map<number, RunningWorker<Refusal, Unknown>>()
  readonly #addresses = new Map<number, readonly DoorAddress[]>()
  #starts = 0
  #stopping = false

  constructor(options: WorkerPoolOptions<Refusal, Unknown>) {
    this.#options = options
  }

  /** Starts all workers; rejects if one cannot open its doors. */
  async start(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.count }, (_, slot) => this.#startWorker(slot)))
  }

  get addresses(): readonly DoorAddress[] {
    return [...this.#addresses.values()].flat()
  }

  get running(): number {
    return this.#workers.size
  }

  async cut(selector: CutSelector, reason: DenialReason): Promise<number> {
    return sum(await this.call({ type: 'cut', selector, reason }))
  }

  async directoryChanged(loginId: string): Promise<void> {
    await this.call({ type: 'directory_changed', loginId })
  }

  async directoryReplaced(): Promise<void> {
    await this.call({ type: 'directory_replaced' })
  }

  async connections(max: number): Promise<readonly ConnectionSummary[]> {
    const all = summaries(await this.call({ type: 'list_connections', max }))
    return all.sort((a, b) => a.openedAtMs - b.openedAtMs).slice(0, max)
  }

  async connectionsOf(loginId: string): Promise<readonly ConnectionSummary[]> {
    return summaries(await this.call({ type: 'connections_of', loginId }))
  }

  /** Calls every worker and resolves when all have answered. */
  call(call: WorkerCall): Promise<readonly (number | readonly ConnectionSummary[])[]> {
    return Promise.all([...this.#workers.values()].map((worker) => worker.call(call)))
  }

  /** Ends all workers at once, with the connections they still have. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all([...this.#workers.values()].map((worker) => worker.terminate()))
  }

  async #startWorker(slot: number): Promise<void> {
    const id = `worker-${++this.#starts}`
    const worker = new RunningWorker<Refusal, Unknown>(this.#options, { slot, id })
    worker.thread.once('exit', (code) => this.#ended(slot, worker, code))
    // In the map before it is ready: a cut that is decided while it starts must reach it.
    this.#workers.set(slot, worker)
    for (const call of this.#options.firstCalls()) await worker.call(call)
    this.#addresses.set(slot, await worker.ready)
  }

  #ended(slot: number, worker: RunningWorker<Refusal, Unknown>, code: number): void {
    if (this.#workers.get(slot) === worker) this.#workers.delete(slot)
    worker.ended()
    this.#options.workerEnded(worker.id, worker.fault ?? `exit code ${code}`)
    // One that never opened its doors would not do so the next time either: `start()` has told the reason.
    if (this.#stopping || !this.#addresses.has(slot)) return
    setTimeout(() => {
      if (!this.#stopping) this.#startWorker(slot).catch(() => {})
    }, restartPauseMs)
  }
}

/** One worker thread and the calls it has not answered yet. */
class RunningWorker<Refusal, Unknown> {
  readonly id: string
  readonly thread: Worker
  /** Resolves with the addresses of its doors; rejects if it ends before. */
  readonly ready: Promise<readonly DoorAddress[]>
  fault: string | undefined
  readonly #options: WorkerPoolOptions<Refusal, Unknown>
  readonly #calls = new Map<number, (value: number | readonly ConnectionSummary[]) => void>()
  readonly #readiness = Promise.withResolvers<readonly DoorAddress[]>()
  #lastCall = 0
  #gone = false

  constructor(options: WorkerPoolOptions<Refusal, Unknown>, place: { slot: number; id: string }) {
    this.id = place.id
    this.#options = options
    this.ready = this.#readiness.promise
    this.ready.catch(() => {})
    this.thread = new Worker(options.module, { workerData: options.startOf(place.slot, place.id), name: place.id })
    this.thread.on('message', (message: WorkerMessage<Refusal, Unknown>) => this.#receive(message))
    this.thread.on('error', (error) => {
      this.fault = error instanceof Error ? error.message : String(error)
      this.#readiness.reject(error)
    })
  }

  call(call: WorkerCall): Promise<number | readonly ConnectionSummary[]> {
    if (this.#gone) return Promise.resolve(0)
    const id = ++this.#lastCall
    return new Promise((resolve) => {
      this.#calls.set(id, resolve)
      this.#send({ type: 'call', id, call })
    })
  }

  /** The thread has ended: its connections are gone, so whatever it was asked to cut is cut. */
  ended(): void {
    this.#gone = true
    this.#readiness.reject(new Error(`Cannot open the doors: ${this.fault ?? 'the worker ended'}`))
    for (const resolve of this.#calls.values()) resolve(0)
    this.#calls.clear()
  }

  async terminate(): Promise<void> {
    await this.thread.terminate()
  }

  #receive(message: WorkerMessage<Refusal, Unknown>): void {
    switch (message.type) {
      case 'ready':
        this.#readiness.resolve(message.addresses)
        return
      case 'ask':
        this.#options.answer(message.loginId, message.certificateKey).then(
          (answer) => this.#send({ type: 'answer', id: message.id, answer }),
          () => this.#send({ type: 'answer', id: message.id, answer: 'unavailable' }),
        )
        return
      case 'done': {
        const resolve = this.#calls.get(message.id)
        assert(resolve !== undefined, 'a worker answers only what it was asked')
        this.#calls.delete(message.id)
        resolve(message.value)
        return
      }
      case 'audit':
        this.#options.audit(message.notes, message.dropped)
    }
  }

  #send(message: ControlMessage): void {
    this.thread.postMessage(message)
  }
}

function summaries(values: readonly (number | readonly ConnectionSummary[])[]): ConnectionSummary[] {
  return values.flatMap((value) => (typeof value === 'number' ? [] : value))
}

function sum(values: readonly (number | readonly unknown[])[]): number {
  return values.reduce<number>((total, value) => total + (typeof value === 'number' ? value : 0), 0)
}
