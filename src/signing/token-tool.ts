import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { GatewayError } from '../base/errors.ts'

export type TokenToolOptions = {
  /** The token's PKCS #11 library: the absolute path of a .so file. */
  readonly module: string
  readonly tokenLabel: string
  readonly pin: string
  /** OpenSC's program: a name that is looked for in PATH, or a path. */
  readonly tool: string
  /** What the program gets as its environment besides the PIN: libraries find their configuration by it. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** One call of the program. */
export type TokenCall = {
  /** After module, token and login; never a secret. */
  readonly arguments: readonly string[]
  /** What it reads on its standard input. */
  readonly input: Uint8Array
  /** Ends the program, which then counts as not answering. */
  readonly signal: AbortSignal
}

/** The PIN goes from process to process in this variable, so that it stands in no list of processes. */
const pinVariable = 'SEKISHO_TOKEN_PIN'

/** What the program says of a token that it does not see. */
const notThere = /No slot with token|CKR_TOKEN_NOT_PRESENT|CKR_DEVICE_REMOVED|No slots/
/** How often a token is looked for, and the pause between. Unit: milliseconds. */
const attemptsMax = 3
const againMs = 100

/** More output than any signature or list of keys has. Unit: bytes. */
const outputBytesMax = 65_536

/**
 * Speaks to a PKCS #11 token through OpenSC's `pkcs11-tool`, one process a call, so that a crash of a vendor's library is
 * not the gateway's. After one refusal of the PIN the token is not asked again, because it would lock itself: only a
 * restart or a reload with another PIN makes a new one of these.
 */
export class TokenTool {
  readonly #options: TokenToolOptions
  #pinFault: GatewayError | undefined

  constructor(options: TokenToolOptions) {
    this.#options = options
  }

  /**
   * What the program writes to its standard output. Throws GatewayError `signer_unavailable`, whose message says what to
   * look at.
   */
  async run(call: TokenCall): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt++) {
      if (this.#pinFault !== undefined) throw this.#pinFault
      const { code, output, errors } = await this.#runOnce(call)
      if (code === 0) return output
      // Some libraries do not see their token for a moment while another process of ours opens it.
      if (attempt < attemptsMax && notThere.test(errors)) {
        await wait(againMs)
        continue
      }
      const failure = this.#explain(errors)
      if (/CKR_PIN_/.test(errors)) this.#pinFault = failure
      throw failure
    }
  }

  async #runOnce(call: TokenCall): Promise<Outcome> {
    const { module, tokenLabel, pin, tool, environment } = this.#options
    const fixed = ['--module', module, '--token-label', tokenLabel, '--login', '--pin', `env:${pinVariable}`]
    const child = spawn(tool, [...fixed, ...call.arguments], {
      env: { ...environment, [pinVariable]: pin },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const outcome = await outcomeOf(child, call)
    if (call.signal.aborted) throw unavailable('the token has not answered in time: is the HSM reachable?')
    if (outcome.fault === undefined) return outcome
    throw unavailable(`${tool} cannot be started: is OpenSC installed?`, outcome.fault)
  }

  #explain(errors: string): GatewayError {
    const { module, tokenLabel } = this.#options
    const pinFault = /CKR_PIN_\w+/.exec(errors)?.[0]
    if (pinFault !== undefined) {
      const advice = 'it is not tried again, so that the token does not lock itself; correct `pin`, then reload'
      return unavailable(`the token refuses the PIN (${pinFault}): ${advice}`)
    }
    if (notThere.test(errors)) {
      return unavailable(`token ${tokenLabel} is not there: connect it again; signing then goes on by itself`)
    }
    if (/Failed to load pkcs11 module/.test(errors)) return unavailable(`${module} cannot be loaded`)
    if (/Private key not found/.test(errors)) return unavailable(`the key is not on token ${tokenLabel}`)
    const code = /CKR_\w+/.exec(errors)?.[0] ?? 'no reason given'
    return unavailable(`token ${tokenLabel} cannot do it: ${code}`)
  }
}

type Outcome = {
  readonly code: number | null
  readonly output: Uint8Array
  readonly errors: string
  readonly fault: Error | undefined
}

function outcomeOf(child: ChildProcess, { input, signal }: TokenCall): Promise<Outcome> {
  return new Promise((resolve) => {
    const output: Buffer[] = []
    let errors = ''
    let bytes = 0
    let fault: Error | undefined
    // A library may wait for its hardware with signals blocked: only SIGKILL always ends it.
    const kill = () => void child.kill('SIGKILL')
    signal.addEventListener('abort', kill, { once: true })
    if (signal.aborted) kill()
    const count = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > outputBytesMax) kill()
      return bytes <= outputBytesMax
    }
    child.stdout?.on('data', (chunk: Buffer) => {
      if (count(chunk)) output.push(chunk)
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      if (count(chunk)) errors += chunk.toString('latin1')
    })
    // It may end without reading its input; why, it says on standard error.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
    child.on('error', (cause) => {
      fault = cause
    })
    child.on('close', (code) => {
      signal.removeEventListener('abort', kill)
      resolve({ code, output: Buffer.concat(output), errors, fault })
    })
  })
}

/** A fault of the token, for operators. */
export function unavailable(reason: string, cause?: unknown): GatewayError {
  return new GatewayError('signer_unavailable', `Cannot sign with the token as ${reason}`, { cause })
}
