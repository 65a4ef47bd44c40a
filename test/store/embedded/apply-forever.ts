// Run by the kill -9 test: applies user 1, 2, 3 … to the file given, each at the version of its number, and prints each number
// once it is written.
import { writeSync } from 'node:fs'
import { DirectoryReplicaFile } from '../../../src/store/embedded/directory-replica.ts'

const usersMax = 100_000

const replica = new DirectoryReplicaFile(process.argv[2] ?? '')
replica.beginRound()
replica.endRound({ version: 0, token: '' })
for (let version = 1; version <= usersMax; version++) {
  const loginId = `user${version}`
  const user = { loginId, contractId: 'shoji', role: 'general', state: 'active' } as const
  replica.apply([{ version, kind: 'directory', loginId, entry: { type: 'user', user } }], { version, token: 'child' })
  writeSync(1, `${version}\n`)
}
