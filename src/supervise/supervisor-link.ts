import { listenTo, post } from './channel.ts'
import type { GatewayMessage, SupervisorMessage } from './process-messages.ts'
import { RemoteSockets, type SocketSource } from './socket-source.ts'

/** What the supervisor can ask of the gateway in this process. */
export type SupervisedGateway = {
  readonly drainTimeoutMs: number
  /** Lets go of what one process only may hold; rejects if it cannot, and holds it still. Audit records are sent from then on. */
  release(): Promise<void>
  /** Takes it again, and goes on trying where it cannot. */
  takeBack(): Promise<void>
  /** Writes audit records of another process, and notes those that were lost. */
  takeAudit(records: readonly unknown[], dropped: number): void
  /** Answers a question of this process's successor. */
  answer(question: unknown): Promise<readonly unknown[]>
  reload?(): Promise<{ readonly result: string }>
  drain(options: { successor: boolean }): Promise<void>
  stop(): Promise<void>
}

/** Time an orphan has to put things in order. Unit: milliseconds. */
const orphanMaxMs = 10_000

/** This process's connection to its supervisor. Without a supervisor it ends: nothing outlives one that was killed. */
export class SupervisorLink {
  readonly sockets: SocketSource
  readonly #process: NodeJS.Process
  readonly #end: (code: number, cause?: unknown) => void
  readonly #opened = Promise.withResolvers<void>()
  readonly #questions = new Map<number, (parts: readonly unknown[]) => void>()
  #gateway: SupervisedGateway | undefined
  #asked = 0

  /** `end` ends this process; with a cause when something went wrong. */
  constructor(process: NodeJS.Process, end: (code: number, cause?: unknown) => void) {
    this.#process = process
    this.#end = end
    this.sockets = new RemoteSockets(process)
    listenTo<SupervisorMessage>(process, (message) => this.#obey(message))
    process.once('disconnect', () => {
      setTimeout(() => end(1), orphanMaxMs)
      void this.#stop(1)
    })
  }

  /** Says that all that takes time is done; resolves when the doors may be opened. */
  prepared(): Promise<void> {
    this.#tell({ type: 'prepared' })
    return this.#opened.promise
  }

  /** The doors are open: from now on the supervisor is obeyed. */
  serve(gateway: SupervisedGateway): void {
    this.#gateway = gateway
    this.#tell({ type: 'ready', drainTimeoutMs: gateway.drainTimeoutMs })
  }

  /** This process cannot go on with the flags it was started with; resolves when the supervisor knows. */
  async wantFlags(resumption: boolean): Promise<void> {
    await this.#tell({ type: 'node_flags', resumption })
  }

  /** Has another process write these audit records. */
  sendAudit(records: readonly unknown[], dropped: number): void {
    this.#tell({ type: 'audit', records, dropped })
  }

  /** Puts a question to the processes that are draining, and puts their answers together. */
  askRetiring(question: unknown): Promise<readonly unknown[]> {
    const id = ++this.#asked
    return new Promise((resolve) => {
      this.#questions.set(id, resolve)
      this.#tell({ type: 'ask_retiring', id, question })
    })
  }

  #obey(message: SupervisorMessage): void {
    const gateway = this.#gateway
    switch (message.type) {
      case 'open':
        this.#opened.resolve()
        return
      case 'release':
        gateway?.release().then(
          () => this.#tell({ type: 'released' }),
          (error) => this.#tell({ type: 'release_failed', message: String(error) }),
        )
        return
      case 'take_back':
        gateway?.takeBack().catch((error) => this.#end(1, error))
        return
      case 'audit':
        gateway?.takeAudit(message.records, message.dropped)
        return
      case 'question':
        gateway?.answer(message.question).then(
          (parts) => this.#tell({ type: 'answer', id: message.id, parts }),
          () => this.#tell({ type: 'answer', id: message.id, parts: [] }),
        )
        return
      case 'retiring_answered':
        this.#questions.get(message.id)?.(message.parts)
        this.#questions.delete(message.id)
        return
      case 'reload':
        gateway?.reload?.().then(
          ({ result }) => this.#tell({ type: 'reloaded', result }),
          () => this.#tell({ type: 'reloaded', result: 'refused' }),
        )
        return
      case 'ping':
        this.#tell({ type: 'pong' })
        return
      case 'drain':
        gateway?.drain({ successor: message.successor }).then(
          () => this.#tell({ type: 'drained' }),
          (error) => this.#end(1, error),
        )
        return
      case 'stop':
        void this.#stop(0)
    }
  }

  async #stop(code: number): Promise<void> {
    try {
      await this.#gateway?.stop()
      // When this has left the process, its last audit records have.
      await this.#tell({ type: 'stopped' })
      this.#end(code)
    } catch (error) {
      this.#end(1, error)
    }
  }

  #tell(message: GatewayMessage): Promise<void> {
    return post(this.#process, message)
  }
}
