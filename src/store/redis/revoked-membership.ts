import { type CertificateKey, parseCertificateKey } from '../../x509/certificate-key.ts'
import type { RedisCommand, RedisReply } from './redis-client.ts'
import { revokedKey } from './redis-keys.ts'
import { listOf } from './replies.ts'
import { serialSpellings } from './serial-spellings.ts'

/** Members that one SMISMEMBER asks for. */
const membersAtOnce = 5_000

/** The question which certificates stand in the sets of revoked serial numbers, in whatever spelling. */
export type MembershipQuestion = {
  readonly commands: readonly RedisCommand[]
  /** Answers in the order of the certificates, from the replies to the commands. */
  read(replies: readonly RedisReply[]): boolean[]
}

/** Asks a set at a time. */
export function askMembership(certificates: readonly CertificateKey[]): MembershipQuestion {
  const commands: RedisCommand[] = []
  /** Of each command, which certificate each of its members is a spelling of. */
  const places: (readonly number[])[] = []
  const parts = certificates.map((key, place) => ({ ...parseCertificateKey(key), place }))
  for (const [issuerId, ofIssuer] of Map.groupBy(parts, (part) => part.issuerId)) {
    const asked = ofIssuer.flatMap(({ serial, place }) => serialSpellings(serial).map((member) => ({ member, place })))
    for (let first = 0; first < asked.length; first += membersAtOnce) {
      const some = asked.slice(first, first + membersAtOnce)
      commands.push(['SMISMEMBER', revokedKey(issuerId), ...some.map(({ member }) => member)])
      places.push(some.map(({ place }) => place))
    }
  }
  return {
    commands,
    read: (replies) => {
      const found = new Array<boolean>(certificates.length).fill(false)
      for (const [position, placesOf] of places.entries()) {
        const answers = listOf(replies[position])
        for (const [index, place] of placesOf.entries()) if (answers[index] === 1) found[place] = true
      }
      return found
    },
  }
}
