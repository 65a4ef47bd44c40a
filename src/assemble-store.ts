import { hash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { systemClock } from './base/clock.ts'
import { GatewayError } from './base/errors.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import { nameStore } from './config/summarise-config.ts'
import type { LocalKeeping } from './control-path/applier.ts'
import { TrustArchive } from './control-path/archive.ts'
import type { DirectoryReplica } from './control-path/directory-replica.ts'
import { SharedValues } from './control-path/shared-values.ts'
import type { LogPosition, TrustStore } from './control-path/store-port.ts'
import type { AuditEvent } from './observe/audit-event.ts'
import type { Log } from './observe/log.ts'
import { DirectoryReplicaFile } from './store/embedded/directory-replica.ts'
import { EmbeddedStore } from './store/embedded/embedded-store.ts'
import { RedisStore } from './store/redis/redis-store.ts'
import type { DirectoryAnswer } from './trust/directory-answer.ts'
import { type CertificateKey, issuerIdOf } from './x509/certificate-key.ts'
import { readPemCertificate } from './x509/read-pem-certificate.ts'

export type StoreOptions = {
  readonly config: GatewayConfig
  /** The audit log has records, or another process is using the store: there was one before. */
  readonly hadOne: boolean
  readonly log: Log
  readonly audit: (event: AuditEvent) => void
  readonly snapshotFailed: () => void
  readonly unreadableMember: (issuerId: string, member: string) => void
}

/** The store, and what this gateway keeps of it on its own disk. */
export type OpenedStore = {
  readonly store: TrustStore
  /** Undefined where the store itself is a file here. */
  readonly keeping: LocalKeeping | undefined
  /** The values that gateways share. */
  readonly values: SharedValues
  /** Positive knowledge for `admit()`: of the copy here, where the store is elsewhere. */
  lookUp(loginId: string, key: CertificateKey): Promise<DirectoryAnswer>
  /** Certificates of a login ID as the copy here has them; none where the store itself is a file here. */
  readonly knownHere: (loginId: string) => ReturnType<DirectoryReplica['certificatesOf']>
  close(): Promise<void>
}

/**
 * Opens the store that the configuration names. One on other machines may be out of reach now: then what is kept here serves. Throws
 * `store_unavailable` for a lost file, `store_schema_newer`, and `config_invalid` for a Redis that may throw revocations away.
 */
export async function openStore(options: StoreOptions): Promise<OpenedStore> {
  const { config, log } = options
  if (config.store.kind === 'redis') return openRedis(config.store, options)
  const { stateFolder } = config
  // A store elsewhere served this folder before: what it had said is remembered, and given to the file.
  const archive = existsSync(join(stateFolder, trustFolder)) ? openArchive(options) : undefined
  const store = await openFile(join(stateFolder, fileName), options.hadOne && archive === undefined)
  const values = new SharedValues({ store, file: undefined, log })
  return {
    store,
    keeping: archive && { archive, replica: undefined, snapshotMs: snapshotMsOf(config) },
    values,
    lookUp: (loginId, key) => store.lookUp(loginId, key),
    knownHere: () => [],
    close: () => store.close(),
  }
}

/** In the state folder: the embedded store, and what is kept of one that is elsewhere. */
const fileName = 'sekisho.db'
const trustFolder = 'trust'
/** While there is nothing to start with. Unit: milliseconds. */
const askAgainMs = 500
const sayEveryMs = 5_000

function snapshotMsOf({ revocation }: GatewayConfig): number {
  return revocation.snapshotSeconds * 1_000
}

/** A missing file was lost, and starting on an empty one would un-revoke everything (invariant 6): that is an operator's decision. */
async function openFile(file: string, hadOne: boolean): Promise<EmbeddedStore> {
  if (!existsSync(file) && hadOne) {
    throw lostStore(`${file} is missing`)
  }
  return EmbeddedStore.open(file, { clock: systemClock })
}

function lostStore(what: string): GatewayError {
  const advice = 'Put it back from a backup, or move the audit log away to begin anew'
  const message = `Cannot start with an empty store as the audit log shows that there was one: ${what}. ${advice}`
  return new GatewayError('store_unavailable', message)
}

async function openRedis(
  redis: GatewayConfig['store'] & { kind: 'redis' },
  options: StoreOptions,
): Promise<OpenedStore> {
  const { config, log } = options
  const { stateFolder } = config
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 })
  const { unreadableMember } = options
  const issuerIds = config.issuers.map(({ certificatePem }) =>
    issuerIdOf(readPemCertificate(certificatePem).publicKeyDer),
  )
  const store = await RedisStore.open(redis, { clock: systemClock, log, unreadableMember, issuerIds })
  const file = join(stateFolder, fileName)
  const former = existsSync(file) ? await EmbeddedStore.open(file, { clock: systemClock }) : undefined
  if (!existsSync(join(stateFolder, trustFolder))) {
    const position = await waitUntilHeard(store, nameStore(redis), log)
    if (former === undefined && options.hadOne && position.version === 0) {
      await store.close()
      throw lostStore(`${nameStore(redis)} is empty, and ${join(stateFolder, trustFolder)} is missing`)
    }
  }
  const replica = openReplica(options)
  const values = new SharedValues({ store, file: join(stateFolder, 'shared-values.json'), log })
  values.start()
  return {
    store,
    keeping: { archive: openArchive(options), replica, snapshotMs: snapshotMsOf(config), ...(former && { former }) },
    values,
    lookUp: (loginId, key) => lookUp(loginId, key, { store, replica }),
    knownHere: (loginId) => replica?.certificatesOf(loginId) ?? [],
    close: async () => {
      values.close()
      replica?.close()
      await former?.close()
      await store.close()
    },
  }
}

/** Without anything kept here there is nothing to start with: a store that is away is waited for, however long that takes. */
async function waitUntilHeard(store: TrustStore, name: string, log: Log): Promise<LogPosition> {
  for (let saidAtMs = Number.NEGATIVE_INFINITY; ; ) {
    try {
      return await store.position()
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'store_unavailable') throw error
      const nowMs = systemClock.monotonicMs()
      if (nowMs - saidAtMs >= sayEveryMs) {
        log.warn('waiting for the store, as there is no snapshot to start from', { store: name, fault: error.message })
        saidAtMs = nowMs
      }
    }
    await wait(askAgainMs)
  }
}

/** The copy here answers, with the store or without; where something is missing in it the store is asked first. */
async function lookUp(
  loginId: string,
  key: CertificateKey,
  { store, replica }: { store: TrustStore; replica: DirectoryReplica | undefined },
): Promise<DirectoryAnswer> {
  if (replica === undefined) return store.lookUp(loginId, key)
  if (replica.position() !== undefined) return replica.lookUp(loginId, key)
  try {
    return await store.lookUp(loginId, key)
  } catch {
    return replica.lookUp(loginId, key)
  }
}

function openArchive({ config, log, audit, snapshotFailed }: StoreOptions): TrustArchive {
  return new TrustArchive({
    folder: join(config.stateFolder, trustFolder),
    clock: systemClock,
    bootId: readBootId(),
    log,
    fault: (what, detail) => {
      if (what !== 'snapshot_unusable') {
        snapshotFailed()
        return
      }
      audit({ event: 'snapshot_unusable', actor: { kind: 'store', name: 'snapshot' }, detail: { explanation: detail } })
    },
  })
}

function openReplica({ config, log, audit }: StoreOptions): DirectoryReplica | undefined {
  if (config.directory === 'none') return undefined
  return new DirectoryReplicaFile(join(config.stateFolder, 'directory.db'), {
    fault: (what, detail) => {
      log.error('the copy of the directory cannot be used; it is read again from the store', { detail })
      if (what === 'directory_failed') return
      const actor = { kind: 'store', name: 'directory' } as const
      audit({ event: 'snapshot_unusable', actor, detail: { explanation: detail } })
    },
  })
}

/** Monotonic times of two processes can be compared if the machine was not started in between; '' where that cannot be told. */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}

/** How this gateway is called among others: for people, and what all processes of its state folder have in common. */
export function nameGateway({ gatewayName, stateFolder }: GatewayConfig): { name: string; place: string } {
  const host = hostname()
  const place = hash('sha256', `${host}\0${stateFolder}`, 'hex').slice(0, 16)
  return { name: gatewayName ?? `${host}/${basename(stateFolder)}`, place }
}
