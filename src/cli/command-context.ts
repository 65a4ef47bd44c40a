/** What a command may use of the process. */
export type CommandContext = {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Folder of this clone; where the demo's certificates and state are looked for. */
  readonly root: string
  write(text: string): void
  writeError(text: string): void
  /** Standard input; default none. */
  readonly input?: CommandInput
  /** Asks at the terminal for what must not be seen; undefined: there is no terminal. */
  readonly askSecret?: ((question: string) => Promise<string>) | undefined
  /** Width of the terminal that errors are written to; undefined where it is none. Default none. */
  errorColumns?(): number | undefined
}

/** Bytes as they come; `destroy` ends them, also while somebody waits for more. */
export type CommandInput = AsyncIterable<Uint8Array> & { destroy?(): unknown }

/** Exit codes; documented in `--help`. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const

/** A command that cannot go on, with the words for the person at the terminal. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: number
  /** What the admin door answered, for `--json`. */
  readonly problem: unknown

  constructor(message: string, options: { exitCode?: number; problem?: unknown; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.exitCode = options.exitCode ?? exitCodes.failed
    this.problem = options.problem
  }
}
