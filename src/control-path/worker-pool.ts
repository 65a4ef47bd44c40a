import { Worker } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import type { CutReason } from '../trust/denial.ts'
import type { CertificateSighting, CertificateUse, DirectoryAnswer } from '../trust/directory-answer.ts'
import type { ConnectionSummary, CutSelector, RecheckScope } from '../trust/live-connections.ts'
import type {
  CallAnswer,
  ControlMessage,
  DoorAddress,
  DoorSocket,
  WorkerCall,
  WorkerKeys,
  WorkerMessage,
} from '../trust/worker-messages.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import { ConnectedKeys } from './connected-keys.ts'
import type { DataWorkers } from './ports.ts'

export type WorkerPoolOptions<Refusal, Unknown> = {
  /** Module that runs in the worker thread. */
  readonly module: URL
  /** What a new worker is given. */
  readonly startOf: (place: WorkerPlace) => unknown
  readonly count: number
  /** A duplicate of every door's listening sockets, for one worker. */
  readonly sockets: () => Promise<readonly DoorSocket[]>
  readonly answer: (loginId: string, key: CertificateKey) => Promise<DirectoryAnswer>
  /** A first use; resolves when nothing stands against an answer to the client any more. */
  readonly noteUse: (use: CertificateUse) => Promise<void>
  readonly noteSightings: (sightings: readonly CertificateSighting[]) => void
  readonly audit: (notes: (WorkerMessage<Refusal, Unknown> & { type: 'audit' })['notes'], dropped: number) => void
  /** A worker ended without being asked to; a new one takes its place. */
  readonly workerEnded: (id: string, why: string) => void
  /** Calls a new worker must have answered before it counts as ready. */
  readonly firstCalls: () => readonly WorkerCall[]
}

/** `slot` counts from 0 and stays the same for a worker's replacement; `id` is never used again. */
export type WorkerPlace = { readonly slot: number; readonly id: string; readonly sockets: readonly DoorSocket[] }

/** Shortest time between two starts in one place, so that a worker that cannot start does not take the machine. */
const restartPauseMs = 500

/**
 * The data workers as the control thread sees them: started, called, and replaced when one crashes. A call reaches every worker
 * that is running; one that ends meanwhile has no connections left, so it counts as done.
 *
 * All listen on the same sockets, each through a duplicate of its own: what waits in a socket's queue is taken by whoever is there,
 * so a worker's end loses only the connections it had accepted.
 */
export class WorkerPool<Refusal, Unknown> implements DataWorkers {
  readonly #options: WorkerPoolOptions<Refusal, Unknown>
  readonly #workers = new Map<number, RunningWorker<Refusal, Unknown>>()
  /** By slot, once its doors have been open. */
  readonly #addresses = new Map<number, readonly DoorAddress[]>()
  readonly #starting = new Set<Promise<void>>()
  readonly #keys = new ConnectedKeys()
  /** Starts that wait for the end of a hold. */
  readonly #heldStarts: (() => void)[] = []
  #holds = 0
  #starts = 0
  /** Doors are open: a replacement opens its own at once. */
  #open = false
  /** No worker that ends is replaced any more. */
  #ending = false

  constructor(options: WorkerPoolOptions<Refusal, Unknown>) {
    this.#options = options
  }

  /** Starts all workers, with their doors closed; rejects if one cannot. */
  async start(): Promise<void> {
    const slots = Array.from({ length: this.#options.count }, (_, slot) => slot)
    await Promise.all(slots.map(async (slot) => this.#startWorker(slot, await this.#options.sockets())))
  }

  /** Opens the doors of all workers; rejects if one cannot. */
  async open(): Promise<void> {
    if (this.#workers.size < this.#options.count) throw new Error('Cannot open the doors: a worker ended')
    this.#open = true
    await Promise.all([...this.#workers].map(([slot, worker]) => this.#openDoors(slot, worker)))
  }

  /** Every address once, however many workers listen on it. */
  get addresses(): readonly DoorAddress[] {
    const all = [...this.#addresses.values()].flat()
    return [...new Map(all.map((address) => [`${address.door} ${address.host} ${address.port}`, address])).values()]
  }

  get running(): number {
    return this.#workers.size
  }

  async cut(selector: CutSelector, reason: CutReason): Promise<number> {
    return sum(await this.call({ type: 'cut', selector, reason }))
  }

  async recheck(scope: RecheckScope): Promise<number> {
    return sum(await this.call({ type: 'recheck', scope }))
  }

  /** Those that came and went since the last call are among them: they may be back before the next. */
  async connectedKeys(): Promise<readonly CertificateKey[]> {
    await Promise.all(
      [...this.#workers].map(async ([slot, worker]) => {
        const answer = await worker.call({ type: 'key_changes' })
        // One that has ended meanwhile has taken its connections along.
        if (isKeys(answer) && this.#workers.get(slot) === worker) this.#keys.note(worker.id, answer)
      }),
    )
    return this.#keys.take()
  }

  /**
   * Permitted connections that a cut of their certificate would not find, as of the last `connectedKeys`: 0, or there is a defect.
   */
  get untrackedConnections(): number {
    return this.#keys.untracked
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

  /** Calls every worker and resolves when all have answered; rejects then with the messages of those that failed. */
  call(call: WorkerCall): Promise<readonly CallAnswer[]> {
    return this.callEach(() => call)
  }

  /** The same with a call for each worker, by its id. */
  async callEach(callOf: (id: string) => WorkerCall): Promise<readonly CallAnswer[]> {
    const answers = await Promise.allSettled(
      [...this.#workers.values()].map((worker) => worker.call(callOf(worker.id))),
    )
    const messages = answers.flatMap((answer) =>
      answer.status === 'rejected' ? [(answer.reason as Error).message] : [],
    )
    if (messages.length > 0) throw new Error([...new Set(messages)].join('\n'))
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  }

  /**
   * Until `release` is called no worker takes the place of one that ended, so that none starts with what is being changed.
   * `settled`: the workers that were being started are ready, or ended.
   */
  holdStarts(): { readonly settled: Promise<void>; release(): void } {
    this.#holds += 1
    const release = () => {
      this.#holds -= 1
      if (this.#holds === 0) for (const start of this.#heldStarts.splice(0)) start()
    }
    return { settled: Promise.allSettled(this.#starting).then(() => {}), release }
  }

  /** Accepts no more; resolves when every connection has ended, idle ones after `idleMs`. */
  async drain(idleMs: number): Promise<void> {
    this.#ending = true
    await this.call({ type: 'drain', idleMs })
  }

  /** Ends all workers at once, with the connections they still have. */
  async stop(): Promise<void> {
    this.#ending = true
    await Promise.all([...this.#workers.values()].map((worker) => worker.terminate()))
  }

  #startWorker(slot: number, sockets: readonly DoorSocket[]): Promise<void> {
    const start = this.#addWorker(slot, sockets).finally(() => this.#starting.delete(start))
    this.#starting.add(start)
    return start
  }

  async #addWorker(slot: number, sockets: readonly DoorSocket[]): Promise<void> {
    if (this.#ending) return
    const id = `worker-${++this.#starts}`
    const worker = new RunningWorker<Refusal, Unknown>(this.#options, { slot, id, sockets })
    worker.thread.once('exit', (code) => this.#ended(slot, worker, code))
    // In the map before it is ready: a cut that is decided while it starts must reach it.
    this.#workers.set(slot, worker)
    for (const call of this.#options.firstCalls()) await worker.call(call)
    await worker.ready
    if (this.#open) await this.#openDoors(slot, worker)
  }

  async #openDoors(slot: number, worker: RunningWorker<Refusal, Unknown>): Promise<void> {
    await worker.call({ type: 'open_doors' })
    if (worker.gone) throw worker.failure()
    this.#addresses.set(
      slot,
      worker.sockets.map(({ door, host, port }) => ({ door, host, port })),
    )
  }

  #ended(slot: number, worker: RunningWorker<Refusal, Unknown>, code: number): void {
    if (this.#workers.get(slot) === worker) this.#workers.delete(slot)
    worker.ended()
    this.#keys.forget(worker.id)
    this.#options.workerEnded(worker.id, worker.fault ?? `exit code ${code}`)
    // One that never opened its doors would not do so the next time either: `start()` or `open()` has told the reason.
    if (this.#addresses.has(slot)) this.#replaceSoon(slot)
  }

  #replaceSoon(slot: number): void {
    if (this.#ending) return
    setTimeout(() => {
      if (this.#ending) return
      this.#options.sockets().then(
        (sockets) => this.#startUnlessHeld(slot, sockets),
        () => this.#replaceSoon(slot),
      )
    }, restartPauseMs)
  }

  #startUnlessHeld(slot: number, sockets: readonly DoorSocket[]): void {
    // If it fails it ends, and its end brings the next one.
    const start = () => void this.#startWorker(slot, sockets).catch(() => {})
    if (this.#holds > 0) this.#heldStarts.push(start)
    else start()
  }
}

/** One worker thread and the calls it has not answered yet. */
class RunningWorker<Refusal, Unknown> {
  readonly id: string
  readonly thread: Worker
  readonly sockets: readonly DoorSocket[]
  /** Resolves when it could open its doors; rejects if it ends before. */
  readonly ready: Promise<void>
  fault: string | undefined
  readonly #options: WorkerPoolOptions<Refusal, Unknown>
  readonly #calls = new Map<number, PromiseWithResolvers<CallAnswer>>()
  readonly #readiness = Promise.withResolvers<void>()
  #lastCall = 0
  #gone = false

  constructor(options: WorkerPoolOptions<Refusal, Unknown>, place: WorkerPlace) {
    this.id = place.id
    this.sockets = place.sockets
    this.#options = options
    this.ready = this.#readiness.promise
    this.ready.catch(() => {})
    this.thread = new Worker(options.module, { workerData: options.startOf(place), name: place.id })
    this.thread.on('message', (message: WorkerMessage<Refusal, Unknown>) => this.#receive(message))
    this.thread.on('error', (error) => {
      this.fault = error instanceof Error ? error.message : String(error)
      this.#readiness.reject(error)
    })
  }

  get gone(): boolean {
    return this.#gone
  }

  failure(): Error {
    return new Error(`Cannot open the doors: ${this.fault ?? 'the worker ended'}`)
  }

  call(call: WorkerCall): Promise<CallAnswer> {
    if (this.#gone) return Promise.resolve(0)
    const id = ++this.#lastCall
    const answer = Promise.withResolvers<CallAnswer>()
    this.#calls.set(id, answer)
    this.#send({ type: 'call', id, call })
    return answer.promise
  }

  /** The thread has ended: its connections are gone, so whatever it was asked to cut is cut. */
  ended(): void {
    this.#gone = true
    this.#readiness.reject(this.failure())
    for (const { resolve } of this.#calls.values()) resolve(0)
    this.#calls.clear()
  }

  async terminate(): Promise<void> {
    await this.thread.terminate()
  }

  #receive(message: WorkerMessage<Refusal, Unknown>): void {
    switch (message.type) {
      case 'ready':
        this.#readiness.resolve()
        return
      case 'ask':
        this.#options.answer(message.loginId, message.certificateKey).then(
          (answer) => this.#send({ type: 'answer', id: message.id, answer }),
          () => this.#send({ type: 'answer', id: message.id, answer: 'unavailable' }),
        )
        return
      case 'use': {
        const noted = () => this.#send({ type: 'use_noted', id: message.id })
        this.#options.noteUse(message.use).then(noted, noted)
        return
      }
      case 'seen':
        this.#options.noteSightings(message.sightings)
        return
      case 'done':
        this.#answered(message.id).resolve(message.value)
        return
      case 'failed':
        this.#answered(message.id).reject(new Error(message.message))
        return
      case 'audit':
        this.#options.audit(message.notes, message.dropped)
    }
  }

  #answered(id: number): PromiseWithResolvers<CallAnswer> {
    const answer = this.#calls.get(id)
    assert(answer !== undefined, 'a worker answers only what it was asked')
    this.#calls.delete(id)
    return answer
  }

  #send(message: ControlMessage): void {
    this.thread.postMessage(message)
  }
}

function isKeys(answer: CallAnswer): answer is WorkerKeys {
  return typeof answer === 'object' && 'untracked' in answer
}

function summaries(values: readonly CallAnswer[]): ConnectionSummary[] {
  return values.flatMap((value) => (Array.isArray(value) ? (value as ConnectionSummary[]) : []))
}

function sum(values: readonly CallAnswer[]): number {
  return values.reduce<number>((total, value) => total + (typeof value === 'number' ? value : 0), 0)
}
