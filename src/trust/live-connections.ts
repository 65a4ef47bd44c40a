import type { CertificateKey } from '../x509/certificate-key.ts'
import type { CutReason } from './denial.ts'
import type { DirectoryAnswer } from './directory-answer.ts'
import type { PasswordLogin } from './password-access.ts'
import { PasswordConnections } from './password-connections.ts'

/** What a live connection is known by. Undefined fields match no selector. */
export type ConnectionSubject = {
  readonly door: string
  readonly certificateKey: CertificateKey | undefined
  readonly loginId: string | undefined
  readonly contractId: string | undefined
}

/** One client connection from just before it is judged until it ends. */
export type LiveConnection = {
  readonly id: number
  readonly subject: ConnectionSubject
  readonly openedAtMs: number
  readonly clientAddress: string
  /** Ends the connection abruptly, its requests, streams and upstream sides too. Later calls do nothing: the first reason wins. */
  cut(reason: CutReason): void
  /** The directory says something new about its user: it is judged anew. Returns true if it was cut for that. */
  directoryChanged(answer: DirectoryAnswer | 'unavailable'): boolean
  /** What it was judged by has changed: it is judged anew. Returns true if it was cut for that. */
  recheck(): boolean
}

/** Which connections a trust event touches: exactly one of the fields names them. */
export type CutSelector =
  | { readonly by: 'certificate'; readonly key: CertificateKey }
  /** Those of any of the certificates. */
  | { readonly by: 'certificates'; readonly keys: readonly CertificateKey[] }
  | { readonly by: 'loginId'; readonly loginId: string }
  | { readonly by: 'contract'; readonly contractId: string }
  /** Those that carried a login with ID and password of a user of the contract. */
  | { readonly by: 'passwordContract'; readonly contractId: string }

/** Which connections a rule may touch: all of a login ID, or all with certificates of an issuer. */
export type RecheckScope = { readonly loginId: string } | { readonly issuerId: string }

/** Distinct certificates of connections that came and went; one that did both is in both. */
export type KeyChanges = { readonly added: readonly CertificateKey[]; readonly removed: readonly CertificateKey[] }

/** Certificates that came and left between two questions are remembered up to this number, the newest of them. */
const passedKeysMax = 50_000

/** As listed by `GET /v1/connections`. */
export type ConnectionSummary = ConnectionSubject & {
  readonly openedAtMs: number
  readonly clientAddress: string
}

/**
 * The connections of one worker, findable by certificate, login ID and contract. A connection is added before it is
 * judged, so that a revocation applied in between finds it here; it is released when it ends.
 */
export class LiveConnections {
  readonly #all = new Map<number, LiveConnection>()
  readonly #byCertificate = new Map<CertificateKey, Set<LiveConnection>>()
  readonly #byLoginId = new Map<string, Set<LiveConnection>>()
  readonly #byContract = new Map<string, Set<LiveConnection>>()
  readonly #passwords = new PasswordConnections()
  /** As the doors see it, to be compared with the maps above. */
  readonly #permitted = new Set<LiveConnection>()
  /** Of certificates: those told by `takeKeyChanges` that have not been told to have left; those that came or left since. */
  readonly #keysTold = new Set<CertificateKey>()
  readonly #keysCame = new Set<CertificateKey>()
  readonly #keysLeft = new Set<CertificateKey>()
  /** Came and left since, and were never told. */
  readonly #keysPassed = new Set<CertificateKey>()
  #someoneAsks = false

  get size(): number {
    return this.#all.size
  }

  add(connection: LiveConnection): void {
    this.#all.set(connection.id, connection)
    const { certificateKey } = connection.subject
    if (certificateKey !== undefined && !this.#byCertificate.has(certificateKey)) this.#keyCame(certificateKey)
    addTo(this.#byCertificate, connection.subject.certificateKey, connection)
    addTo(this.#byLoginId, connection.subject.loginId, connection)
    addTo(this.#byContract, connection.subject.contractId, connection)
  }

  release(connection: LiveConnection): void {
    if (!this.#all.delete(connection.id)) return
    removeFrom(this.#byCertificate, connection.subject.certificateKey, connection)
    removeFrom(this.#byLoginId, connection.subject.loginId, connection)
    removeFrom(this.#byContract, connection.subject.contractId, connection)
    this.#passwords.release(connection)
    const { certificateKey } = connection.subject
    if (certificateKey !== undefined && !this.#byCertificate.has(certificateKey)) this.#keyLeft(certificateKey)
  }

  /**
   * The connection carries a login with ID and password: a request with it, its WebSockets and streams end when that login may not go
   * on. Returns false for one too many: the connection is to be ended instead.
   */
  notePassword(connection: LiveConnection, login: PasswordLogin): boolean {
    return !this.#all.has(connection.id) || this.#passwords.note(connection, login)
  }

  /** A door has permitted the connection by its certificate. */
  notePermitted(connection: LiveConnection): void {
    this.#permitted.add(connection)
  }

  /** The connection is no more, whether a door had permitted it or not. */
  noteEnded(connection: LiveConnection): void {
    this.#permitted.delete(connection)
  }

  /** Permitted connections that a cut of their certificate would not find: 0, or there is a defect. */
  untracked(): number {
    let count = 0
    for (const connection of this.#permitted) {
      const { certificateKey } = connection.subject
      if (certificateKey === undefined || !this.#byCertificate.get(certificateKey)?.has(connection)) count++
    }
    return count
  }

  /** Certificates that came and went since the last call. */
  takeKeyChanges(): KeyChanges {
    const changes = { added: [...this.#keysCame], removed: [...this.#keysLeft] }
    this.#someoneAsks = true
    for (const key of changes.added) this.#keysTold.add(key)
    for (const key of changes.removed) this.#keysTold.delete(key)
    this.#keysCame.clear()
    this.#keysLeft.clear()
    this.#keysPassed.clear()
    return changes
  }

  matching(selector: CutSelector): readonly LiveConnection[] {
    switch (selector.by) {
      case 'certificate':
        return [...(this.#byCertificate.get(selector.key) ?? [])]
      case 'certificates':
        return [...new Set(selector.keys)].flatMap((key) => [...(this.#byCertificate.get(key) ?? [])])
      case 'loginId':
        return [...(this.#byLoginId.get(selector.loginId) ?? [])]
      case 'contract':
        return [...(this.#byContract.get(selector.contractId) ?? [])]
      case 'passwordContract':
        return [...this.#passwords.matching(selector)]
    }
  }

  /** Cuts the connections the selector names and no other. Returns how many. The index must have been updated before. */
  cut(selector: CutSelector, reason: CutReason): number {
    const connections = new Set([...this.matching(selector), ...this.#passwords.matching(selector)])
    for (const connection of connections) connection.cut(reason)
    return connections.size
  }

  /** Has each connection of the scope judged anew. Returns how many were cut. The index must have been updated before. */
  recheck(scope: RecheckScope): number {
    let cut = 0
    for (const connection of this.#inScope(scope)) if (connection.recheck()) cut++
    return cut
  }

  #inScope(scope: RecheckScope): readonly LiveConnection[] {
    if ('loginId' in scope) return this.matching({ by: 'loginId', loginId: scope.loginId })
    const keys = [...this.#byCertificate.keys()].filter((key) => key.startsWith(`${scope.issuerId}:`))
    return this.matching({ by: 'certificates', keys })
  }

  /** At most `max` connections, oldest first. */
  list(max: number): ConnectionSummary[] {
    const summaries: ConnectionSummary[] = []
    for (const connection of this.#all.values()) {
      if (summaries.length >= max) break
      summaries.push(summarise(connection))
    }
    return summaries
  }

  /** Login IDs that have connections now. */
  loginIds(): readonly string[] {
    return [...this.#byLoginId.keys()]
  }

  #keyCame(key: CertificateKey): void {
    this.#keysCame.add(key)
    this.#keysLeft.delete(key)
    this.#keysPassed.delete(key)
  }

  /** Who stayed only briefly is told of too, or somebody who connects for each request would never be noticed. */
  #keyLeft(key: CertificateKey): void {
    this.#keysLeft.add(key)
    if (this.#keysTold.has(key)) return
    this.#keysPassed.add(key)
    if (this.#someoneAsks && this.#keysPassed.size <= passedKeysMax) return
    const [oldest = key] = this.#keysPassed
    for (const keys of [this.#keysCame, this.#keysLeft, this.#keysPassed]) keys.delete(oldest)
  }
}

/** What `GET /v1/connections` lists of a connection. */
export function summarise({ subject, openedAtMs, clientAddress }: LiveConnection): ConnectionSummary {
  return { ...subject, openedAtMs, clientAddress }
}

function addTo<Key>(map: Map<Key, Set<LiveConnection>>, key: Key | undefined, connection: LiveConnection): void {
  if (key === undefined) return
  const set = map.get(key)
  if (set === undefined) map.set(key, new Set([connection]))
  else set.add(connection)
}

function removeFrom<Key>(map: Map<Key, Set<LiveConnection>>, key: Key | undefined, connection: LiveConnection): void {
  if (key === undefined) return
  const set = map.get(key)
  if (set === undefined) return
  set.delete(connection)
  if (set.size === 0) map.delete(key)
}
