// Run by the kill -9 test: revokes serial 1, 2, 3 … in the file given and prints each serial once it is acknowledged.
import { writeSync } from 'node:fs'
import { systemClock } from '../../../src/base/clock.ts'
import { EmbeddedStore } from '../../../src/store/embedded/embedded-store.ts'
import { certificateKey } from '../../../src/x509/certificate-key.ts'
import { issuerA, operator, revocationOf } from '../contract.ts'

const serialsMax = 100_000

const store = await EmbeddedStore.open(process.argv[2] ?? '', { clock: systemClock })
for (let number = 1; number <= serialsMax; number++) {
  const serial = number.toString(16)
  await store.publish([revocationOf(certificateKey(issuerA, serial))], operator)
  writeSync(1, `${serial}\n`)
}
