import type { Test } from 'tap'
import { testDirectory } from './contract-directory.ts'
import { testGateways } from './contract-gateways.ts'
import { testIssuance } from './contract-issuance.ts'
import { testLog } from './contract-log.ts'
import { testOutbox } from './contract-outbox.ts'
import { testPublishAgain } from './contract-publish-again.ts'
import { testRevocations } from './contract-revocations.ts'
import { testRules } from './contract-rules.ts'
import { testSharedNotes } from './contract-shared-notes.ts'
import { testUse } from './contract-use.ts'
import type { ContractSetting, StoreFactory } from './samples.ts'

// Goal: what every adapter of TrustStore must do, whatever it is made of.
// Method: each promise is one subtest against a fresh, empty store made by the adapter's own factory. A store has the time of
// the test (`given`) or its own (`own`); then times are compared with what the store itself says before and after.

export {
  addPeople,
  issuerA,
  issuerB,
  keyA1,
  keyA2,
  keyB1,
  operator,
  revocationOf,
  type StoreFactory,
  type StoreOptions,
} from './samples.ts'

export function testTrustStore(
  t: Test,
  open: StoreFactory,
  { clock = 'given' }: { clock?: ContractSetting['clock'] } = {},
): void {
  const setting: ContractSetting = { open, clock }
  testLog(t, setting)
  testRevocations(t, setting)
  testRules(t, setting)
  testPublishAgain(t, setting)
  testDirectory(t, setting)
  testIssuance(t, setting)
  testUse(t, setting)
  testOutbox(t, setting)
  testSharedNotes(t, setting)
  testGateways(t, setting)
}
