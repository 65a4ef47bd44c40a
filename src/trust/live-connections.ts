import type { CertificateKey } from '../x509/certificate-key.ts'
import type { DenialReason } from './denial.ts'
import type { DirectoryAnswer } from './directory-answer.ts'

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
  cut(reason: DenialReason): void
  /** The directory says something new about its user: it is judged anew. Returns true if it was cut for that. */
  directoryChanged(answer: DirectoryAnswer | 'unavailable'): boolean
}

/** Which connections a trust event touches: exactly one of the fields names them. */
export type CutSelector =
  | { readonly by: 'certificate'; readonly key: CertificateKey }
  | { readonly by: 'loginId'; readonly loginId: string }
  | { readonly by: 'contract'; readonly contractId: string }

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
  readonly #byCertificate = new Map<string, Set<LiveConnection>>()
  readonly #byLoginId = new Map<string, Set<LiveConnection>>()
  readonly #byContract = new Map<string, Set<LiveConnection>>()

  get size(): number {
    return this.#all.size
  }

  add(connection: LiveConnection): void {
    this.#all.set(connection.id, connection)
    addTo(this.#byCertificate, connection.subject.certificateKey, connection)
    addTo(this.#byLoginId, connection.subject.loginId, connection)
    addTo(this.#byContract, connection.subject.contractId, connection)
  }

  release(connection: LiveConnection): void {
    if (!this.#all.delete(connection.id)) return
    removeFrom(this.#byCertificate, connection.subject.certificateKey, connection)
    removeFrom(this.#byLoginId, connection.subject.loginId, connection)
    removeFrom(this.#byContract, connection.subject.contractId, connection)
  }

  matching(selector: CutSelector): readonly LiveConnection[] {
    switch (selector.by) {
      case 'certificate':
        return [...(this.#byCertificate.get(selector.key) ?? [])]
      case 'loginId':
        return [...(this.#byLoginId.get(selector.loginId) ?? [])]
      case 'contract':
        return [...(this.#byContract.get(selector.contractId) ?? [])]
    }
  }

  /** Cuts the connections the selector names and no other. Returns how many. The index must have been updated before. */
  cut(selector: CutSelector, reason: DenialReason): number {
    const connections = this.matching(selector)
    for (const connection of connections) connection.cut(reason)
    return connections.length
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
}

/** What `GET /v1/connections` lists of a connection. */
export function summarise({ subject, openedAtMs, clientAddress }: LiveConnection): ConnectionSummary {
  return { ...subject, openedAtMs, clientAddress }
}

function addTo(map: Map<string, Set<LiveConnection>>, key: string | undefined, connection: LiveConnection): void {
  if (key === undefined) return
  const set = map.get(key)
  if (set === undefined) map.set(key, new Set([connection]))
  else set.add(connection)
}

function removeFrom(map: Map<string, Set<LiveConnection>>, key: string | undefined, connection: LiveConnection): void {
  if (key === undefined) return
  const set = map.get(key)
  if (set === undefined) return
  set.delete(connection)
  if (set.size === 0) map.delete(key)
}
