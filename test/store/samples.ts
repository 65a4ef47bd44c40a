import type { Test } from 'tap'
import type { DirectoryRecord, NewCertificate } from '../../src/control-path/directory-port.ts'
import type { Actor, CertificateKey, DirectoryEntry, TrustEvent } from '../../src/control-path/ports.ts'
import type { LogPosition, RevocationRequest, TrustStore } from '../../src/control-path/store-port.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'

export type StoreOptions = {
  /** The store's clock, if it has none of its own. Unit: milliseconds since the epoch. */
  readonly nowMs: () => number
  /** Events the log keeps, exactly: one more and the oldest is gone. */
  readonly eventsMax?: number
}

/** Opens a fresh, empty store and closes it when the test ends. */
export type StoreFactory = (t: Test, options: StoreOptions) => Promise<TrustStore>

/** What each part of the contract is given. `given`: the store's clock is `StoreOptions.nowMs`; `own`: it has its own. */
export type ContractSetting = { readonly open: StoreFactory; readonly clock: 'given' | 'own' }

export const issuerA = 'a'.repeat(32)
export const issuerB = 'b'.repeat(32)
export const keyA1 = certificateKey(issuerA, '1')
export const keyA2 = certificateKey(issuerA, '2')
export const keyB1 = certificateKey(issuerB, '1')
export const operator: Actor = { name: 'sato.hanako', role: 'security', requestId: 'r-1' }
export const start: LogPosition = { version: 0, token: '' }
export const dayMs = 86_400_000
/** A notAfter that lies ahead, whichever clock a store has: the year 2079. Unit: milliseconds since the epoch. */
export const futureMs = dayMs * 40_000
/** What stores that are given their clock think it is. A whole second. */
export const givenNowMs = 1_000_000
export const nowMs = (): number => givenNowMs

export function revocationOf(key: CertificateKey, changes: Partial<RevocationRequest> = {}): RevocationRequest {
  return { key, loginId: undefined, reason: 'keyCompromise', comment: 'lost PC', ...changes }
}

export async function addPeople(store: TrustStore): Promise<void> {
  await store.upsertContract({ contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100 })
  await store.upsertUser({ loginId: 'user01', contractId: 'shoji', role: 'general' })
  await store.upsertUser({ loginId: 'user02', contractId: 'shoji', role: 'master' })
}

/** A certificate of user01 that is about to be signed, with a public key of its own for each serial number. */
export function reservationOf(
  serial: string,
  changes: Partial<NewCertificate> = {},
): NewCertificate & { readonly publicKeyHash: string } {
  const publicKeyHash = `public-key-${serial}`
  return {
    key: certificateKey(issuerA, serial),
    loginId: 'user01',
    notBeforeMs: 1_000,
    notAfterMs: futureMs,
    publicKeyHash,
    ...changes,
  }
}

/** Reserves in the contract `shoji` as it is now; fails if it is not reserved. */
export async function reserve(
  t: Test,
  store: TrustStore,
  certificate: NewCertificate & { readonly publicKeyHash: string },
  replaces: readonly CertificateKey[] = [],
): Promise<CertificateKey> {
  const revision = await revisionOf(store)
  const outcome = await store.reserveCertificate(certificate, { contractId: 'shoji', revision, replaces })
  t.equal(outcome, 'reserved')
  return certificate.key
}

/** The revision of a contract now; -1: there is no such contract. */
export async function revisionOf(store: TrustStore, contractId = 'shoji'): Promise<number> {
  return (await store.contractHoldings(contractId, 0))?.revision ?? -1
}

/** Keys and states of a login ID's certificates, in the order in which they were recorded. */
export async function statesOf(store: TrustStore, loginId = 'user01'): Promise<(readonly [CertificateKey, string])[]> {
  const certificates = [...(await store.certificatesOf(loginId, 0))]
  certificates.sort((left, right) => left.recordedVersion - right.recordedVersion)
  return certificates.map(({ key, state }) => [key, state] as const)
}

/** The whole directory, every page of it, sorted by what each record is about. */
export async function allRecords(store: TrustStore): Promise<DirectoryRecord[]> {
  const records: DirectoryRecord[] = []
  for await (const page of store.directory()) records.push(...page)
  return records.toSorted((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1))
}

/** What the store's clock says now. Unit: milliseconds since the epoch. */
export async function storeNowMs(store: TrustStore): Promise<number> {
  return (await store.eventsSince(await store.position(), 1)).nowMs
}

/** The state of the store, every page of it; fails where it breaks what every state keeps. */
export async function allState(t: Test, store: TrustStore): Promise<TrustEvent[]> {
  const events: TrustEvent[] = []
  for await (const page of store.state()) events.push(...page)
  const { version: end } = await store.position()
  t.ok(
    events.every(({ version }) => version > 0 && version <= end),
    'no version of the state is above the end of the log',
  )
  return events
}

/** The log after a position, to its end, a few events at a time; fails where it breaks what every log keeps. */
export async function allEvents(t: Test, store: TrustStore, { from = start, limit = 100 } = {}): Promise<TrustEvent[]> {
  const events: TrustEvent[] = []
  let position = from
  for (;;) {
    const page = await store.eventsSince(position, limit)
    if (!page.continuous) t.fail(`the log does not go on from ${JSON.stringify(position)}`)
    if (page.events.length > limit) t.fail(`a page of ${limit} events holds ${page.events.length}`)
    events.push(...page.events)
    position = page.end
    if (page.end.version === page.lastVersion || page.events.length === 0) break
  }
  t.strictSame(position, await store.position(), 'the last page ends where the log ends')
  const versions = [from.version, ...events.map(({ version }) => version)]
  t.ok(
    versions.every((version, index) => index === 0 || version > (versions[index - 1] ?? Number.POSITIVE_INFINITY)),
    'versions rise with each event',
  )
  return events
}

/** Certificates that the events revoke, sorted: revoked together or one by one, which is up to the store. */
export function revokedKeys(events: readonly TrustEvent[]): CertificateKey[] {
  return events.flatMap((event) => (event.kind === 'revoked' ? event.keys : [])).toSorted()
}

/** Versions of the `revoked` events by certificate. */
export function revokedVersions(events: readonly TrustEvent[]): Map<CertificateKey, number> {
  return new Map(
    events.flatMap((event) => (event.kind === 'revoked' ? event.keys.map((key) => [key, event.version] as const) : [])),
  )
}

/** Events without what differs between stores: versions, times, and which certificates share an event. Sorted as text. */
export function subjectsOf(events: readonly TrustEvent[]): string[] {
  return events.flatMap(subjectOf).toSorted()
}

function subjectOf(event: TrustEvent): string[] {
  switch (event.kind) {
    case 'revoked':
      return event.keys.map((key) => `revoked ${key}`)
    case 'restored':
    case 'superseded':
      return [`${event.kind} ${event.key}`]
    case 'rule':
    case 'rule_withdrawn':
      return [`${event.kind} ${event.ruleId}`]
    case 'suspended':
      return [`${event.suspended ? 'suspended' : 'reinstated'} ${event.loginId}`]
    case 'login_method':
      return [`${event.method} ${event.contractId}`]
    case 'directory':
      return [nameOf(event.entry)]
  }
}

function nameOf(entry: DirectoryEntry): string {
  if (entry.type === 'contract') return `contract ${entry.contract.contractId}`
  return entry.type === 'user' ? `user ${entry.user.loginId}` : `certificate ${entry.certificate.key}`
}
