import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import type { DirectoryStore } from '../../src/control-path/directory-port.ts'
import { Database } from '../../src/store/embedded/database.ts'
import * as rows from '../../src/store/embedded/directory-changes.ts'
import { storeSchema } from '../../src/store/embedded/schema.ts'
import { certificateAt, contractAt, contractsOf, contractUsers, type People, userAt } from './life-people.ts'

/** Who is put into a store, and for how long at most. */
export type Seeding = {
  readonly people: People
  /** Told of progress now and then. */
  readonly tell: (line: string) => void
  /** Unit: milliseconds. */
  readonly timeoutMs: number
}

/** Contracts in one transaction of a file. */
const contractsAtOnce = 100
/** Contracts written at the same time elsewhere. */
const contractsInParallel = 4
const tellEveryContracts = 1_000
/** As the store has it by itself. */
const context = { clock: systemClock, eventsMax: 100_000 }

/**
 * Makes the file of an embedded store with those people, by the adapter's own statements but many of them in one transaction: each alone
 * would wait for the disk. Resolves with the seconds it took; undefined when it was given up.
 */
export async function seedFile(file: string, seeding: Seeding): Promise<number | undefined> {
  const { people } = seeding
  const database = new Database(file, { schema: storeSchema })
  const writeContract = (contract: number) => {
    rows.upsertContractRow(database, contractAt(contract), context)
    for (const place of placesOf(contract, people)) {
      rows.upsertUserRow(database, userAt(place), context)
      if (isCertified(place, people)) rows.upsertCertificateRow(database, certificateAt(place, people), context)
    }
  }
  try {
    const clock = new SeedingClock(seeding)
    const contracts = contractsOf(people.users)
    for (let first = 0; first < contracts; first += contractsAtOnce) {
      if (clock.isLate) return undefined
      const end = Math.min(contracts, first + contractsAtOnce)
      database.write(() => {
        for (let contract = first; contract < end; contract++) writeContract(contract)
      })
      for (let contract = first; contract < end; contract++) clock.wrote(contract)
      await nextTurn()
    }
    return clock.seconds
  } finally {
    database.close()
  }
}

/** The same through a store's own calls, many of them on their way at once. */
export async function seedStore(store: DirectoryStore, seeding: Seeding): Promise<number | undefined> {
  const { people } = seeding
  const clock = new SeedingClock(seeding)
  const contracts = contractsOf(people.users)
  let next = 0
  const writeShare = async () => {
    while (next < contracts && !clock.isLate) {
      const contract = next++
      await store.upsertContract(contractAt(contract))
      const places = placesOf(contract, people)
      await Promise.all(places.map((place) => store.upsertUser(userAt(place))))
      const certified = places.filter((place) => isCertified(place, people))
      await Promise.all(certified.map((place) => store.upsertCertificate(certificateAt(place, people))))
      clock.wrote(contract)
    }
  }
  await Promise.all(Array.from({ length: contractsInParallel }, writeShare))
  return clock.written === contracts ? clock.seconds : undefined
}

function isCertified(place: number, { certified = Number.POSITIVE_INFINITY }: People): boolean {
  return place < certified
}

function placesOf(contract: number, { users }: People): number[] {
  const first = contract * contractUsers
  return Array.from({ length: Math.min(contractUsers, users - first) }, (_, place) => first + place)
}

class SeedingClock {
  written = 0
  readonly #startMs = systemClock.monotonicMs()
  readonly #seeding: Seeding

  constructor(seeding: Seeding) {
    this.#seeding = seeding
  }

  get seconds(): number {
    return (systemClock.monotonicMs() - this.#startMs) / 1_000
  }

  get isLate(): boolean {
    return this.seconds * 1_000 > this.#seeding.timeoutMs
  }

  wrote(contract: number): void {
    this.written++
    if ((contract + 1) % tellEveryContracts !== 0) return
    this.#seeding.tell(`${this.written * contractUsers} of ${this.#seeding.people.users} users`)
  }
}
