import type { Clock } from '../base/clock.ts'
import type { IssuerConfig } from '../config/gateway-config.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import type { Signer } from '../x509/signing-algorithm.ts'
import { type CaFile, caFiles } from './ca-files.ts'
import { hasAlready } from './conditional-request.ts'
import type { EntryList } from './entry-list.ts'
import type { CrlRecord, Publication, PublicationAnswer, PublicationRequest, ThreadMessage } from './ports.ts'
import { type ListToSign, type SignedList, signList } from './sign-list.ts'

export type CrlDeskOptions = {
  /** The issuing CA. */
  readonly issuer: IssuingCa
  readonly signer: Signer
  /** All that are configured: their certificates are published. */
  readonly issuers: readonly IssuerConfig[]
  readonly entries: EntryList
  readonly maxAgeSeconds: number
  /** Where relying parties reach `/pki`, without a slash at the end; undefined: complete lists name no delta list. */
  readonly baseUrl: string | undefined
  readonly clock: Clock
  readonly tell: (message: Extract<ThreadMessage, { type: 'signed' | 'sign_failed' }>) => void
  /** Called with the HTTP status of each answer about a list. */
  readonly count: (status: number) => void
}

const folder = '/pki/'
const listType = 'application/pkix-crl'

type Work = { readonly record: CrlRecord; readonly complete: ListToSign; readonly delta: ListToSign }
type Served = { readonly record: CrlRecord; readonly complete: SignedList; readonly delta: SignedList }

/**
 * Signs the lists of the issuing CA and answers for them, and for the certificates of the CAs. One signing is under way at a time; of
 * those that wait only the last counts. What was signed before is served until the next is done, and if that fails.
 */
export class CrlDesk implements Publication {
  readonly #options: CrlDeskOptions
  readonly #files: ReadonlyMap<string, CaFile>
  #served: Served | undefined
  #waiting: Work | undefined
  #signing: Promise<void> | undefined

  constructor(options: CrlDeskOptions) {
    this.#options = options
    this.#files = caFiles(options.issuers)
  }

  /** What is served now; undefined: nothing has been signed yet. */
  get record(): CrlRecord | undefined {
    return this.#served?.record
  }

  /** Signs the lists of this record over the entries as they are now, and serves them as soon as that is done. */
  sign(record: CrlRecord): void {
    this.#waiting = this.#workOf(record)
    this.#signing ??= this.#signAll().finally(() => {
      this.#signing = undefined
    })
  }

  /** Resolves when nothing is left to be signed. */
  async settled(): Promise<void> {
    await this.#signing
  }

  /** Undefined for what is not below `/pki/`, and for names that nobody knows. */
  answer(request: PublicationRequest): Promise<PublicationAnswer> | undefined {
    if (!request.path.startsWith(folder)) return undefined
    const name = request.path.slice(folder.length)
    const list = this.#listNamed(name)
    const file = this.#files.get(name)
    if (list === undefined && file === undefined) return undefined
    const answer = request.method === 'POST' ? onlyRead() : list ? this.#list(request, list) : this.#file(request, file)
    if (list !== undefined) this.#options.count(answer.status)
    return Promise.resolve(answer)
  }

  #workOf(record: CrlRecord): Work {
    const { issuer, signer, entries, baseUrl } = this.#options
    const { number, thisUpdateMs, nextUpdateMs, baseNumber, baseVersion } = record
    const shared = { issuer, algorithm: signer.algorithm, number, thisUpdateMs, nextUpdateMs }
    const freshestUrl = baseUrl === undefined ? undefined : `${baseUrl}${folder}${issuer.name}-delta.crl`
    const entryParts = entries.parts()
    const changes = entries.changesSince(baseVersion, thisUpdateMs)
    return {
      record,
      complete: { ...shared, entryParts, entryBytes: entries.bytes, entries: entries.count, freshestUrl },
      delta: {
        ...shared,
        entryParts: changes.parts,
        entryBytes: changes.bytes,
        entries: changes.count,
        deltaBase: baseNumber,
      },
    }
  }

  async #signAll(): Promise<void> {
    for (let work = this.#take(); work !== undefined; work = this.#take()) await this.#signOne(work)
  }

  #take(): Work | undefined {
    const work = this.#waiting
    this.#waiting = undefined
    return work
  }

  async #signOne({ record, complete, delta }: Work): Promise<void> {
    const { signer, clock, tell } = this.#options
    const startMs = clock.monotonicMs()
    try {
      const signedDelta = await signList(delta, signer)
      const signed = await signList(complete, signer)
      this.#served = { record, complete: signed, delta: signedDelta }
      const durationMs = clock.monotonicMs() - startMs
      const { bytes } = signed
      tell({ type: 'signed', record, entries: complete.entries, deltaEntries: delta.entries, bytes, durationMs })
    } catch (error) {
      tell({ type: 'sign_failed', record, fault: error instanceof Error ? error.message : String(error) })
    }
  }

  #listNamed(name: string): 'complete' | 'delta' | undefined {
    const { issuer } = this.#options
    if (name === `${issuer.name}.crl`) return 'complete'
    return name === `${issuer.name}-delta.crl` ? 'delta' : undefined
  }

  #list(request: PublicationRequest, which: 'complete' | 'delta'): PublicationAnswer {
    const served = this.#served
    if (served === undefined) return notYet()
    const { clock, maxAgeSeconds } = this.#options
    const { parts, etag } = served[which]
    const { thisUpdateMs, nextUpdateMs } = served.record
    const leftSeconds = Math.max(0, Math.floor((nextUpdateMs - clock.nowMs()) / 1_000))
    const headers: PublicationAnswer['headers'] = [
      ['ETag', etag],
      ['Last-Modified', new Date(thisUpdateMs).toUTCString()],
      ['Expires', new Date(nextUpdateMs).toUTCString()],
      ['Cache-Control', `public, max-age=${Math.min(maxAgeSeconds, leftSeconds)}`],
    ]
    if (hasAlready(request, { etag, lastModifiedMs: thisUpdateMs })) return notModified(headers, listType)
    return { status: 200, headers, contentType: listType, body: parts }
  }

  #file(request: PublicationRequest, file: CaFile | undefined): PublicationAnswer {
    const { etag = '', contentType = '', body = new Uint8Array() } = file ?? {}
    const headers: PublicationAnswer['headers'] = [
      ['ETag', etag],
      ['Cache-Control', `public, max-age=${this.#options.maxAgeSeconds}`],
    ]
    if (hasAlready(request, { etag })) return notModified(headers, contentType)
    return { status: 200, headers, contentType, body: [body] }
  }
}

function notModified(headers: PublicationAnswer['headers'], contentType: string): PublicationAnswer {
  return { status: 304, headers, contentType, body: [] }
}

function notYet(): PublicationAnswer {
  return plain(503, 'Cannot give the list yet as it has not been signed\n', ['Retry-After', '1'])
}

function onlyRead(): PublicationAnswer {
  return plain(405, 'Cannot POST to what is only read\n', ['Allow', 'GET, HEAD'])
}

function plain(status: number, text: string, header: readonly [string, string]): PublicationAnswer {
  return { status, headers: [header], contentType: 'text/plain; charset=utf-8', body: [Buffer.from(text)] }
}
