import type { WorkerKeys } from '../trust/worker-messages.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'

type OneWorker = { readonly keys: Set<CertificateKey>; untracked: number }

/** Which certificates have connections in which workers, put together from what each says has changed. */
export class ConnectedKeys {
  readonly #byWorker = new Map<string, OneWorker>()
  /** In how many workers. */
  readonly #counts = new Map<CertificateKey, number>()
  /** Came and went since `take` was called last. */
  readonly #passed = new Set<CertificateKey>()

  /** Permitted connections that a cut of their certificate would not find, in all workers as they said last. */
  get untracked(): number {
    let count = 0
    for (const { untracked } of this.#byWorker.values()) count += untracked
    return count
  }

  /** A worker says what has changed since it said so last; a certificate that came and went is in both lists. */
  note(workerId: string, { added, removed, untracked }: WorkerKeys): void {
    const worker = this.#byWorker.get(workerId) ?? { keys: new Set(), untracked: 0 }
    this.#byWorker.set(workerId, worker)
    worker.untracked = untracked
    for (const key of added) {
      if (worker.keys.has(key)) continue
      worker.keys.add(key)
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    }
    const came = new Set(added)
    for (const key of removed) {
      if (worker.keys.delete(key)) this.#uncount(key)
      if (came.has(key)) this.#passed.add(key)
    }
  }

  /** The worker has ended, and its connections with it. */
  forget(workerId: string): void {
    for (const key of this.#byWorker.get(workerId)?.keys ?? []) this.#uncount(key)
    this.#byWorker.delete(workerId)
  }

  /** Every certificate that is connected, or came and went since the last call, once. */
  take(): CertificateKey[] {
    const keys = [...this.#counts.keys()]
    for (const key of this.#passed) if (!this.#counts.has(key)) keys.push(key)
    this.#passed.clear()
    return keys
  }

  #uncount(key: CertificateKey): void {
    const count = (this.#counts.get(key) ?? 0) - 1
    if (count > 0) this.#counts.set(key, count)
    else this.#counts.delete(key)
  }
}
