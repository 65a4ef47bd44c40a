import { GatewayError } from '../base/errors.ts'
import type { GatewayConfig } from '../config/gateway-config.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import { crlFolder } from './crl-files.ts'
import { importCrl } from './crl-import.ts'
import { lookEnded } from './crl-look.ts'
import { CrlSlots } from './crl-slots.ts'
import { CrlTaken } from './crl-taken.ts'
import { CrlWatch, type WatchedCrl } from './crl-watch.ts'
import type { CaSourcesPorts, CrlActor, CrlDesk, CrlImportResult, CrlListStatus } from './ports.ts'

/** Lists that are looked at at the same time, each with a thread; the others wait. */
const looksAtOnceMax = 4

type Watching = { readonly watch: CrlWatch; readonly asConfigured: string }
type Configured = { readonly key: string; readonly watched: WatchedCrl; readonly asConfigured: string }

/**
 * Takes the CRLs of the configured issuers: revokes what they name, and nothing else. Begins with `start`, which should come when the
 * index holds what the store says: what is not in it is given to the store.
 */
export class CrlSources implements CrlDesk {
  readonly #ports: CaSourcesPorts
  readonly #beatMs: number
  readonly #taken: CrlTaken
  readonly #slots = new CrlSlots(looksAtOnceMax)
  readonly #watching = new Map<string, Watching>()
  readonly #end = new AbortController()
  /** Under way at lists that are not configured any more, and imports. */
  readonly #others = new Set<Promise<unknown>>()
  #folder: string | undefined
  #seen:
    | { readonly config: Pick<GatewayConfig, 'issuers' | 'crlFetch'>; readonly issuers: readonly IssuingCa[] }
    | undefined
  #timer: NodeJS.Timeout | undefined

  /** `beatMs`: how often it is looked what is due, and whether the configuration has changed. Default 1 000. */
  constructor(ports: CaSourcesPorts, { beatMs = 1_000 }: { readonly beatMs?: number } = {}) {
    this.#ports = ports
    this.#beatMs = beatMs
    this.#taken = new CrlTaken(ports)
  }

  start(): void {
    this.#beat()
    this.#timer = setInterval(() => this.#beat(), this.#beatMs)
    this.#timer.unref()
  }

  /** Ends what is under way; what was given to the store stays. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#end.abort(lookEnded())
    await Promise.all([...this.#watches().map((watch) => watch.idle()), ...this.#others])
  }

  async status(): Promise<readonly CrlListStatus[]> {
    this.#follow()
    return this.#statusOf(this.#watches())
  }

  /** Throws `admin_not_found` for an issuer that is not configured. */
  async lookNow(issuer?: string): Promise<readonly CrlListStatus[]> {
    if (issuer !== undefined) this.#issuerOf(issuer)
    this.#follow()
    const watches = this.#watches().filter((watch) => issuer === undefined || watch.issuer === issuer)
    await Promise.all(watches.map((watch) => watch.look()))
    return this.#statusOf(watches)
  }

  async importList(
    file: string,
    request: { issuer: string; dryRun: boolean; actor: CrlActor },
  ): Promise<CrlImportResult> {
    const issuer = this.#issuerOf(request.issuer)
    const tools = { ports: this.#ports, taken: this.#taken, folder: this.#place(), signal: this.#end.signal }
    const importing = this.#slots.run(() => importCrl({ ...request, file, issuer }, tools))
    this.#keep(importing)
    return await importing
  }

  #beat(): void {
    this.#follow()
    for (const watch of this.#watches()) watch.beat()
  }

  /** Begins with lists that are new in the configuration, ends those that are gone, and looks soon at those that are other ones now. */
  #follow(): void {
    const { issuers, crlFetch } = this.#ports.config()
    const cas = this.#ports.issuers()
    const { config, issuers: seen } = this.#seen ?? {}
    if (config?.issuers === issuers && config.crlFetch === crlFetch && seen === cas) return
    this.#seen = { config: { issuers, crlFetch }, issuers: cas }
    const wanted = configuredLists({ issuers, crlFetch }, cas)
    for (const [key, { watch, asConfigured }] of this.#watching) {
      if (wanted.some((list) => list.key === key && list.asConfigured === asConfigured)) continue
      this.#keep(watch.idle())
      watch.end()
      if (!wanted.some((list) => list.key === key)) this.#watching.delete(key)
    }
    for (const { key, watched, asConfigured } of wanted) {
      const former = this.#watching.get(key)
      if (former?.asConfigured === asConfigured) continue
      const sinceMs = former === undefined ? 0 : this.#ports.clock.nowMs()
      this.#watching.set(key, { watch: this.#watch(watched, sinceMs), asConfigured })
    }
  }

  #watch(watched: WatchedCrl, sinceMs: number): CrlWatch {
    return new CrlWatch({
      ...watched,
      ports: this.#ports,
      taken: this.#taken,
      slots: this.#slots,
      folder: this.#place(),
      sinceMs,
      signal: this.#end.signal,
    })
  }

  #watches(): CrlWatch[] {
    return [...this.#watching.values()].map(({ watch }) => watch)
  }

  async #statusOf(watches: readonly CrlWatch[]): Promise<readonly CrlListStatus[]> {
    return (await Promise.all(watches.map((watch) => watch.status()))).flat()
  }

  #issuerOf(name: string): IssuingCa {
    const issuer = this.#ports.issuers().find((known) => known.name === name)
    if (issuer !== undefined) return issuer
    const shown = JSON.stringify(name.slice(0, 100))
    throw new GatewayError('admin_not_found', `Cannot find the issuer: current value is ${shown}`, { path: 'issuer' })
  }

  #place(): string {
    this.#folder ??= crlFolder(this.#ports.stateFolder)
    return this.#folder
  }

  #keep(work: Promise<unknown>): void {
    const kept = work.catch(() => {}).finally(() => this.#others.delete(kept))
    this.#others.add(kept)
  }
}

/** Every list that can be looked after: its issuer is in force too. */
function configuredLists(
  { issuers, crlFetch }: Pick<GatewayConfig, 'issuers' | 'crlFetch'>,
  cas: readonly IssuingCa[],
): Configured[] {
  return issuers.flatMap(({ name, crls = [] }) => {
    const issuer = cas.find((ca) => ca.name === name)
    if (issuer === undefined) return []
    return crls.map((list) => ({
      key: `${name}/${list.name}`,
      watched: { issuer, list, limits: crlFetch },
      asConfigured: JSON.stringify([issuer.certificatePem, list, crlFetch]),
    }))
  })
}
