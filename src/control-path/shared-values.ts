import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { GatewayError } from '../base/errors.ts'
import type { ControlLog } from './ports.ts'
import type { MetaName, MetaValue, TrustStore } from './store-port.ts'

type MetaStore = Pick<TrustStore, 'readMeta' | 'writeMeta'>

export type SharedValuesOptions = {
  readonly store: MetaStore
  /** Where the values are remembered (mode 0600: some are keys); undefined: only while this process lives. */
  readonly file: string | undefined
  readonly log: ControlLog
}

/** How often it is looked whether the store still has them. Unit: milliseconds. */
const keepEveryMs = 5_000
/** Revision of a value that is remembered while the store does not answer. */
const rememberedRevision = -1

/**
 * The small values that gateways share, remembered here: a gateway starts with them while the store is away, and writes them back
 * to a store that has lost them, so that sessions and assertions outlive it.
 */
export class SharedValues implements MetaStore {
  readonly #options: SharedValuesOptions
  readonly #remembered: Map<MetaName, string>
  #timer: NodeJS.Timeout | undefined

  constructor(options: SharedValuesOptions) {
    this.#options = options
    this.#remembered = new Map(Object.entries(readRemembered(options)) as [MetaName, string][])
  }

  /** Begins to look after the store. */
  start(): void {
    this.#timer = setInterval(() => void this.#keep(), keepEveryMs)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** While the store does not answer: what it said last. Throws `store_unavailable` if that was nothing. */
  async readMeta(name: MetaName): Promise<MetaValue | undefined> {
    const remembered = this.#remembered.get(name)
    try {
      const value = await this.#options.store.readMeta(name)
      if (value !== undefined) {
        this.#remember(name, value.value)
        return value
      }
      if (remembered === undefined) return undefined
      return await this.#writeBack(name, remembered)
    } catch (error) {
      if (remembered === undefined || !isAway(error)) throw error
      return { value: remembered, revision: rememberedRevision }
    }
  }

  /** A value read while the store was away is changed here only. */
  async writeMeta(name: MetaName, value: string, expectedRevision: number): Promise<boolean> {
    if (expectedRevision !== rememberedRevision) {
      if (!(await this.#options.store.writeMeta(name, value, expectedRevision))) return false
    }
    this.#remember(name, value)
    return true
  }

  async #writeBack(name: MetaName, value: string): Promise<MetaValue | undefined> {
    if (await this.#options.store.writeMeta(name, value, 0)) {
      this.#options.log.warn('the store had lost a value that gateways share; it is written again', { name })
    }
    return this.#options.store.readMeta(name)
  }

  async #keep(): Promise<void> {
    for (const name of this.#remembered.keys()) {
      await this.readMeta(name).catch(() => {
        // A store that does not answer is the follower's to tell; one that may only be read is mended by others.
      })
    }
  }

  #remember(name: MetaName, value: string): void {
    if (this.#remembered.get(name) === value) return
    this.#remembered.set(name, value)
    const { file, log } = this.#options
    if (file === undefined) return
    try {
      writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(this.#remembered)), { mode: 0o600 })
      renameSync(`${file}.new`, file)
    } catch (error) {
      log.warn('shared values cannot be remembered on disk', { error })
    }
  }
}

function readRemembered({ file, log }: SharedValuesOptions): Record<string, string> {
  if (file === undefined) return {}
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      log.warn('remembered values cannot be read; they are fetched again', { error })
    }
    return {}
  }
}

function isAway(error: unknown): boolean {
  return error instanceof GatewayError && (error.code === 'store_unavailable' || error.code === 'store_read_only')
}
