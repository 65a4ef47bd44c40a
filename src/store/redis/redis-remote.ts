import type { DirectoryRecord } from '../../control-path/directory-port.ts'
import type { RemoteStore } from '../../control-path/store-port.ts'
import { type CertificateKey, parseCertificateKey } from '../../x509/certificate-key.ts'
import { writeDirectoryAgain } from './directory-changes.ts'
import type { KnownIssuers } from './known-issuers.ts'
import { revokeInBatches } from './redis-changes.ts'
import type { RedisConnection } from './redis-connection.ts'
import { RedisListener } from './redis-listener.ts'
import { askMembership } from './revoked-membership.ts'

export type RedisRemoteOptions = {
  readonly commands: RedisConnection
  /** Makes a connection for somebody who listens. */
  readonly connectToListen: () => RedisConnection
  readonly issuers: KnownIssuers
  readonly commandTimeoutMs: number
  readonly logEventsMax: number
}

/** What only a store on other machines can do: see `RemoteStore`. */
export class RedisRemote implements RemoteStore {
  readonly #options: RedisRemoteOptions
  readonly #listeners = new Set<RedisListener>()

  constructor(options: RedisRemoteOptions) {
    this.#options = options
  }

  listen(news: () => void): { close(): Promise<void> } {
    const { connectToListen, commandTimeoutMs } = this.#options
    const listener = new RedisListener(connectToListen(), { news, commandTimeoutMs })
    this.#listeners.add(listener)
    const close = async () => {
      this.#listeners.delete(listener)
      await listener.close()
    }
    return { close }
  }

  async membership(keys: readonly CertificateKey[]): Promise<readonly boolean[]> {
    const { commands, issuers } = this.#options
    const client = await commands.client()
    issuers.add(keys.map((key) => parseCertificateKey(key).issuerId))
    const question = askMembership(keys)
    return question.read(await client.together(question.commands))
  }

  async adopt(keys: readonly CertificateKey[]): Promise<number> {
    const { commands, logEventsMax } = this.#options
    return await revokeInBatches(
      await commands.client(),
      keys.map((key) => ({ key })),
      {
        how: 'adopt',
        actorName: 'sekisho',
        reason: 'unspecified',
        comment: 'found in the set of revoked serial numbers, where it was put past the gateways',
        logEventsMax,
      },
    )
  }

  async publishDirectoryAgain(records: readonly DirectoryRecord[], aboveVersion: number): Promise<void> {
    const { commands, logEventsMax } = this.#options
    await writeDirectoryAgain(await commands.client(), records, { above: aboveVersion, logEventsMax })
  }

  /** Ends everybody who still listens. */
  async close(): Promise<void> {
    await Promise.all([...this.#listeners].map((listener) => listener.close()))
  }

  /** The server is there again. */
  hurry(): void {
    for (const listener of this.#listeners) listener.hurry()
  }

  /** Those who listen connect anew, where the server is now. */
  restart(reason: string): void {
    for (const listener of this.#listeners) listener.restart(reason)
  }
}
