import type { CutSelector, LiveConnection } from './live-connections.ts'
import type { PasswordLogin } from './password-access.ts'

/** Logins one connection may carry in its life: many users behind one proxy, yet a bound on what is remembered. */
const loginsMax = 256

/**
 * Connections of one worker by the logins with ID and password they carried. A connection of the public door belongs to nobody by
 * itself; with such a login it ends when that login may not go on.
 */
export class PasswordConnections {
  readonly #logins = new Map<LiveConnection, Map<string, PasswordLogin>>()
  readonly #byLoginId = new Map<string, Set<LiveConnection>>()
  readonly #byContract = new Map<string, Set<LiveConnection>>()

  /** Returns false when the connection carries as many logins as it may, and this is another one. */
  note(connection: LiveConnection, login: PasswordLogin): boolean {
    let known = this.#logins.get(connection)
    if (known === undefined) {
      known = new Map()
      this.#logins.set(connection, known)
    }
    // A user may be moved to another contract.
    const name = `${login.contractId}\0${login.loginId}`
    if (known.has(name)) return true
    if (known.size >= loginsMax) return false
    known.set(name, login)
    addTo(this.#byLoginId, login.loginId, connection)
    addTo(this.#byContract, login.contractId, connection)
    return true
  }

  release(connection: LiveConnection): void {
    for (const { loginId, contractId } of this.#logins.get(connection)?.values() ?? []) {
      removeFrom(this.#byLoginId, loginId, connection)
      removeFrom(this.#byContract, contractId, connection)
    }
    this.#logins.delete(connection)
  }

  /** A certificate names none of them. */
  matching(selector: CutSelector): Iterable<LiveConnection> {
    if (selector.by === 'loginId') return this.#byLoginId.get(selector.loginId) ?? []
    if (selector.by === 'passwordContract') return this.#byContract.get(selector.contractId) ?? []
    return []
  }
}

function addTo(map: Map<string, Set<LiveConnection>>, key: string, connection: LiveConnection): void {
  const set = map.get(key)
  if (set === undefined) map.set(key, new Set([connection]))
  else set.add(connection)
}

function removeFrom(map: Map<string, Set<LiveConnection>>, key: string, connection: LiveConnection): void {
  const set = map.get(key)
  set?.delete(connection)
  if (set?.size === 0) map.delete(key)
}
