// Goal: the notes in memory that tests of this folder rely on behave as those of every store. Method: the store's own contract.
import t from 'tap'
import type { TrustStore } from '../../src/control-path/store-port.ts'
import { testSharedNotes } from '../store/contract-shared-notes.ts'
import { FakeNotes } from './fake-notes.ts'

testSharedNotes(t, {
  clock: 'given',
  open: async (_t, { nowMs }) => {
    const position = async () => ({ version: 0, token: '' })
    return Object.assign(new FakeNotes(nowMs), { position }) as unknown as TrustStore
  },
})
