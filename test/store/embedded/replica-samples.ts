import { join } from 'node:path'
import type { Test } from 'tap'
import type { DirectoryRecord, LoginMethod, User } from '../../../src/control-path/directory-port.ts'
import type { CertificateKey, DirectoryEntry, TrustEvent } from '../../../src/control-path/ports.ts'
import { DirectoryReplicaFile } from '../../../src/store/embedded/directory-replica.ts'

export type Opened = { readonly file: string; readonly replica: DirectoryReplicaFile; readonly faults: string[] }

/** A copy in a folder of its own, or in the file given; `faults` is what it has told. */
export function openReplica(t: Test, { file = join(t.testdir(), 'directory.db'), lockWaitMs = 1_000 } = {}): Opened {
  const faults: string[] = []
  const replica = new DirectoryReplicaFile(file, { lockWaitMs, fault: (what) => faults.push(what) })
  t.teardown(() => replica.close())
  return { file, replica, faults }
}

export function contractRecord(version: number, contractId: string, loginMethod: LoginMethod): DirectoryRecord {
  return { version, type: 'contract', contract: { contractId, loginMethod, certificateLimit: 100 } }
}

export function userRecord(version: number, loginId: string, changes: Partial<User> = {}): DirectoryRecord {
  return { version, type: 'user', user: { loginId, contractId: 'shoji', role: 'general', state: 'active', ...changes } }
}

export function certificateRecord(
  version: number,
  key: CertificateKey,
  { loginId = 'user01', used = true, superseded = false, publicKeyHash = '' } = {},
): DirectoryRecord {
  return {
    version,
    type: 'certificate',
    certificate: {
      key,
      loginId,
      notBeforeMs: 1_000,
      notAfterMs: 9_000,
      ...(publicKeyHash === '' ? {} : { publicKeyHash }),
    },
    used,
    superseded,
  }
}

/** The event by which a store tells of this record. */
export function eventOf(record: DirectoryRecord): TrustEvent {
  const { version, ...entry } = record
  return { version, kind: 'directory', loginId: loginIdOf(entry), entry }
}

/** All that the copy holds: what a store that shows nothing lacks. Ends the round at the position it had. */
export function contentOf(replica: DirectoryReplicaFile): DirectoryRecord[] {
  const position = replica.position()
  replica.beginRound()
  const records = [...replica.missing()].flat()
  if (position !== undefined) replica.endRound(position)
  return records
}

function loginIdOf(entry: DirectoryEntry): string | undefined {
  if (entry.type === 'contract') return undefined
  return entry.type === 'user' ? entry.user.loginId : entry.certificate.loginId
}
