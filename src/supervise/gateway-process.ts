import { type ChildProcess, fork } from 'node:child_process'
import { basename, join } from 'node:path'
import { programFile } from '../base/module-url.ts'
import { listenTo, post } from './channel.ts'
import type { ListeningSockets } from './listening-sockets.ts'
import type { AuditMessage, GatewayMessage, SupervisorMessage } from './process-messages.ts'

/** How a gateway process is started. */
export type GatewayCommand = {
  /** Folder of the program: the entry and the OpenSSL configurations are found there, as they are at that moment. */
  readonly root: string
  /** What the entry is told: `serve FILE`, or `demo`. */
  readonly arguments: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Flags of Node itself, beside those that every gateway process gets. */
  readonly nodeFlags: readonly string[]
}

export type GatewayProcessOptions = GatewayCommand & {
  readonly sockets: ListeningSockets
  /** TLS sessions can be resumed: decides which OpenSSL configuration is read. */
  readonly resumption: boolean
  /** Another gateway process is running on the same state folder. */
  readonly beside: boolean
  readonly audit: (message: AuditMessage) => void
  /** Asks the processes that are draining. */
  readonly askRetiring: (question: unknown) => Promise<readonly unknown[]>
}

type MessageOf<Type> = Extract<GatewayMessage, { type: Type }>

/** Last argument of a gateway process that is to start beside another one. */
export const besideArgument = '--beside'

const resumptionFile = 'openssl-resumption.cnf'

/** Time an ending process has before it is killed. Unit: milliseconds. */
const endMaxMs = 10_000
/** Time for an answer to a question. Unit: milliseconds. */
const answerMaxMs = 2_000

/**
 * V8 learns from the busy start of many connections that objects made for requests live long, and never unlearns it: from then on they
 * are made in the old generation, keep short-lived ones alive, and every scavenge takes 5 ms where it took 0.5. And it collects the
 * whole heap for every few dozen megabytes of bodies that pass, unless it weighs them against the size of the heap; V8 13 and
 * older do not know how.
 */
const v8Flags = [
  '--no-allocation-site-pretenuring',
  ...(Number.parseInt(process.versions.v8, 10) >= 14 ? ['--external-memory-accounted-in-global-limit'] : []),
]

/** Flags that Node reads at its start only; OpenSSL takes the number of session tickets from a file. */
function startFlags(root: string, resumption: boolean): string[] {
  const file = join(root, 'config', resumption ? resumptionFile : 'openssl.cnf')
  return [`--openssl-config=${file}`, ...v8Flags, '--disable-warning=ExperimentalWarning']
}

/** Whether this process was started for TLS sessions that can be resumed. */
export function startedForResumption(execArgv: readonly string[]): boolean {
  return execArgv.some((flag) => flag.startsWith('--openssl-config') && basename(flag) === resumptionFile)
}

/** A gateway process as the supervisor sees it. It does what it is told by messages; signals of the terminal leave it alone. */
export class GatewayProcess {
  readonly channel: ChildProcess
  /** Resolves when it has ended and everything it said was heard: with the exit code, or the name of the signal. */
  readonly ended: Promise<number | NodeJS.Signals>
  #hasEnded = false
  #drainTimeoutMs = 0
  #questions = 0

  constructor(options: GatewayProcessOptions) {
    const beside = options.beside ? [besideArgument] : []
    this.channel = fork(programFile(options.root, 'run-gateway'), [...options.arguments, ...beside], {
      env: options.env,
      execArgv: [...new Set([...startFlags(options.root, options.resumption), ...options.nodeFlags])],
      // Structured clone keeps what JSON would change: records pass through as they are.
      serialization: 'advanced',
    })
    options.sockets.serve(this.channel)
    listenTo<GatewayMessage>(this.channel, (message) => {
      if (message.type === 'audit') options.audit(message)
      if (message.type === 'ready') this.#drainTimeoutMs = message.drainTimeoutMs
      if (message.type !== 'ask_retiring') return
      const { id } = message
      options.askRetiring(message.question).then((parts) => this.tell({ type: 'retiring_answered', id, parts }))
    })
    this.ended = this.#end()
  }

  get pid(): number | undefined {
    return this.channel.pid
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  tell(message: SupervisorMessage): void {
    void post(this.channel, message)
  }

  /** Puts a question to it; without an answer if it gives none in time. */
  async ask(question: unknown): Promise<readonly unknown[]> {
    const id = ++this.#questions
    this.tell({ type: 'question', id, question })
    return (await this.hear(['answer'], { withinMs: answerMaxMs, accept: (answer) => answer.id === id }))?.parts ?? []
  }

  /** Whether its event loop turns. */
  async answers(withinMs: number): Promise<boolean> {
    this.tell({ type: 'ping' })
    return (await this.hear(['pong'], { withinMs })) !== undefined
  }

  /** The next message of one of these types; undefined if the process ends or the time passes first. Unit: milliseconds. */
  async hear<Type extends GatewayMessage['type']>(
    types: readonly Type[],
    { withinMs, accept = () => true }: { withinMs: number; accept?: (message: MessageOf<Type>) => boolean },
  ): Promise<MessageOf<Type> | undefined> {
    const { promise, resolve } = Promise.withResolvers<MessageOf<Type> | undefined>()
    const take = (message: GatewayMessage) => {
      if (!(types as readonly string[]).includes(message.type)) return
      if (accept(message as MessageOf<Type>)) resolve(message as MessageOf<Type>)
    }
    const timer = setTimeout(() => resolve(undefined), withinMs)
    this.channel.on('message', take)
    void this.ended.then(() => resolve(undefined))
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.channel.off('message', take)
    }
  }

  /** Lets its requests in progress end, for as long as its configuration says. */
  async drain(options: { successor: boolean }): Promise<void> {
    this.tell({ type: 'drain', ...options })
    await this.hear(['drained'], { withinMs: this.#drainTimeoutMs + endMaxMs })
  }

  /** Ends it: at once, but in order; killed if that takes too long. */
  async stop(): Promise<void> {
    this.tell({ type: 'stop' })
    const timer = setTimeout(() => this.channel.kill('SIGKILL'), endMaxMs)
    await this.ended
    clearTimeout(timer)
  }

  async #end(): Promise<number | NodeJS.Signals> {
    const { promise, resolve } = Promise.withResolvers<number | NodeJS.Signals>()
    this.channel.on('error', () => {
      if (this.channel.pid === undefined) resolve(1)
    })
    this.channel.once('exit', (code, signal) => {
      const how = signal ?? code ?? 1
      // What it said last may still be on its way when it is gone.
      if (this.channel.connected) this.channel.once('disconnect', () => resolve(how))
      else resolve(how)
    })
    const how = await promise
    this.#hasEnded = true
    return how
  }
}
