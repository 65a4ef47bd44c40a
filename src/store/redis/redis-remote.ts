import type { DirectoryRecord, RemoteStore } from '../../control-path/store-port.ts'
import { type CertificateKey, parseCertificateKey } from '../../x509/certificate-key.ts'
import { writeDirectoryAgain } from './directory-changes.ts'
import { readDirectory } from './directory-records.ts'
import type { KnownIssuers } from './known-issuers.ts'
import { revokeInBatches } from './redis-changes.ts'
import type { RedisClient, RedisCommand } from './redis-client.ts'
import type { RedisConnection } from './redis-connection.ts'
import { revokedKey } from './redis-keys.ts'
import { RedisListener } from './redis-listener.ts'
import { listOf } from './replies.ts'
import { serialSpellings } from './serial-spellings.ts'

/** Members that one SMISMEMBER asks for. */
const membersAtOnce = 5_000

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
    const parts = keys.map((key) => parseCertificateKey(key))
    issuers.add(parts.map(({ issuerId }) => issuerId))
    const found = new Array<boolean>(keys.length).fill(false)
    for (const [issuerId, places] of Map.groupBy(parts.keys(), (place) => parts[place]?.issuerId ?? '')) {
      const asked = places.flatMap((place) =>
        serialSpellings(parts[place]?.serial ?? '').map((member) => ({ place, member })),
      )
      const answers = await askMembers(
        client,
        issuerId,
        asked.map(({ member }) => member),
      )
      for (const [position, { place }] of asked.entries()) if (answers[position]) found[place] = true
    }
    return found
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

  async *directory(): AsyncIterable<readonly DirectoryRecord[]> {
    yield* readDirectory(await this.#options.commands.client())
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

async function askMembers(client: RedisClient, issuerId: string, members: readonly string[]): Promise<boolean[]> {
  const commands: RedisCommand[] = []
  for (let first = 0; first < members.length; first += membersAtOnce) {
    commands.push(['SMISMEMBER', revokedKey(issuerId), ...members.slice(first, first + membersAtOnce)])
  }
  return (await client.together(commands)).flatMap((reply) => listOf(reply).map((one) => one === 1))
}
