import { GatewayError } from '../../base/errors.ts'
import type { Contract, DirectoryRecord, LoginMethod, NewCertificate, User } from '../../control-path/directory-port.ts'
import type { ChangeResult } from '../../control-path/store-port.ts'
import { type CertificateKey, parseCertificateKey } from '../../x509/certificate-key.ts'
import {
  certificateScript,
  contractScript,
  directoryAgainScript,
  negativeScript,
  userScript,
} from './directory-scripts.ts'
import { negativeFields } from './negatives.ts'
import type { RedisClient } from './redis-client.ts'
import { certificatesOfKey, directoryKeys, redisKeys, type TypedKey } from './redis-keys.ts'
import { jsonOf, scriptCall } from './redis-script.ts'
import { listOf } from './replies.ts'

export type ChangeOptions = { readonly logEventsMax: number }

/** Records that one run of a script writes. */
const recordsAtOnce = 200

/** Creates the contract or sets its limit and what else is given. */
export async function writeContract(client: RedisClient, contract: Contract, options: ChangeOptions): Promise<void> {
  const { contractId, loginMethod } = contract
  const methodEvent = jsonOf({ kind: 'login_method', contractId, method: loginMethod })
  const what = { ...contract, idJson: jsonOf(contractId), methodEvent }
  const { keys, input } = scriptCall(what, { ...options, keys: directoryKeys })
  await client.run(contractScript, keys, input)
}

/** Creates the user or sets contract, role and what else is given; throws `admin_not_found` for a contract that is not there. */
export async function writeUser(
  client: RedisClient,
  { loginId, contractId, role, ...details }: Omit<User, 'state'>,
  options: ChangeOptions,
): Promise<void> {
  const what = {
    loginId,
    contractId,
    role,
    details,
    idJson: jsonOf(loginId),
    entryHead: `{"type":"user","user":${open({ loginId, contractId, role })}`,
    record: open({ contractId, role }),
  }
  const { keys, input } = scriptCall(what, { ...options, keys: directoryKeys })
  if (Number(await client.run(userScript, keys, input)) === 2) throw notFound('contract', contractId)
}

/** Records a certificate as used; throws `admin_not_found` for a login ID that is not there. */
export async function writeCertificate(
  client: RedisClient,
  { key, ...certificate }: NewCertificate,
  options: ChangeOptions,
): Promise<'recorded' | 'known' | 'belongs_to_another'> {
  parseCertificateKey(key)
  const { loginId, notBeforeMs, notAfterMs } = certificate
  const what = {
    key,
    certificate,
    idJson: jsonOf(loginId),
    entryHead: `{"type":"certificate","certificate":${open({ key, loginId, notBeforeMs, notAfterMs })}`,
    record: open({ loginId, notBeforeMs, notAfterMs }),
  }
  const { keys, input } = scriptCall(what, { ...options, keys: keysOfLogins([loginId]) })
  const answer = Number(await client.run(certificateScript, keys, input))
  if (answer === 2) throw notFound('login ID', loginId)
  return answer === 3 ? 'belongs_to_another' : answer === 1 ? 'recorded' : 'known'
}

/** What scripts that add or use certificates of these login IDs may touch. */
export function keysOfLogins(loginIds: Iterable<string>): TypedKey[] {
  return [
    ...directoryKeys,
    ...[...loginIds].map((loginId): TypedKey => ({ name: certificatesOfKey(loginId), type: 'set' })),
  ]
}

/** Suspends or reinstates a user; throws `admin_not_found`. */
export function suspendUser(
  client: RedisClient,
  change: { loginId: string; suspended: boolean },
  options: ChangeOptions,
): Promise<ChangeResult> {
  const { loginId } = change
  return setNegative(client, { ...suspension(change), subject: loginId, called: 'login ID' }, options)
}

/** Sets the login method of a contract; throws `admin_not_found`. */
export function setMethod(
  client: RedisClient,
  change: { contractId: string; method: LoginMethod },
  options: ChangeOptions,
): Promise<ChangeResult> {
  return setNegative(client, { ...loginMethod(change), subject: change.contractId, called: 'contract' }, options)
}

/** Marks a certificate as superseded; throws `admin_not_found`. */
export function supersedeCertificate(
  client: RedisClient,
  key: CertificateKey,
  options: ChangeOptions,
): Promise<ChangeResult> {
  return setNegative(
    client,
    { ...superseding({ key, superseded: true }), subject: key, called: 'certificate' },
    options,
  )
}

/** Writes records that the store lacks, or has in an older version. */
export async function writeDirectoryAgain(
  client: RedisClient,
  records: readonly DirectoryRecord[],
  { above, logEventsMax }: ChangeOptions & { above: number },
): Promise<void> {
  for (let first = 0; first < records.length; first += recordsAtOnce) {
    const lost = records.slice(first, first + recordsAtOnce).map(lostRecord)
    const loginIds = new Set(lost.flatMap((record) => ('certificate' in record ? record.certificate.loginId : [])))
    const { keys, input } = scriptCall({ records: lost, above }, { logEventsMax, keys: keysOfLogins(loginIds) })
    await client.run(directoryAgainScript, keys, input)
  }
}

/** What is refused, as a field of the negatives, with the event that says so. */
type Refusal = {
  readonly subjectKey: string
  readonly field: string
  readonly value: string
  /** What a missing field means. */
  readonly unset: string
  readonly event: string
}

function suspension({ loginId, suspended }: { loginId: string; suspended: boolean }): Refusal {
  return {
    subjectKey: redisKeys.users,
    field: negativeFields.suspended(loginId),
    value: suspended ? 'yes' : 'no',
    unset: 'no',
    event: jsonOf({ kind: 'suspended', loginId, suspended }),
  }
}

function loginMethod({ contractId, method }: { contractId: string; method: LoginMethod }): Refusal {
  return {
    subjectKey: redisKeys.contracts,
    field: negativeFields.loginMethod(contractId),
    value: method,
    unset: 'certificate',
    event: jsonOf({ kind: 'login_method', contractId, method }),
  }
}

function superseding({ key, superseded }: { key: CertificateKey; superseded: boolean }): Refusal {
  return {
    subjectKey: redisKeys.certificates,
    field: negativeFields.superseded(key),
    // Nothing takes it back.
    value: superseded ? 'yes' : 'no',
    unset: 'no',
    event: jsonOf({ kind: 'superseded', key }),
  }
}

async function setNegative(
  client: RedisClient,
  { called, ...change }: Refusal & { subject: string; called: string },
  options: ChangeOptions,
): Promise<ChangeResult> {
  const { keys, input } = scriptCall(change, options)
  const [outcome, version] = listOf(await client.run(negativeScript, keys, input)).map(Number)
  if (outcome === 2) throw notFound(called, change.subject)
  return { changed: outcome === 1, version: version ?? 0 }
}

function lostRecord(record: DirectoryRecord) {
  const { version, ...entry } = record
  const shared = { version, entry: jsonOf(entry) }
  switch (record.type) {
    case 'contract': {
      const { contractId, loginMethod: method, ...stored } = record.contract
      return { ...shared, ...loginMethod({ contractId, method }), subject: contractId, record: open(stored) }
    }
    case 'user': {
      const { loginId, state, ...stored } = record.user
      const refusal = suspension({ loginId, suspended: state === 'suspended' })
      const subject = { subject: loginId, loginJson: jsonOf(loginId), contractId: stored.contractId }
      return { ...shared, ...refusal, ...subject, record: open(stored) }
    }
    case 'certificate': {
      const { key, ...certificate } = record.certificate
      const stored = record.used === undefined ? certificate : { ...certificate, used: record.used }
      return {
        ...shared,
        ...superseding({ key, superseded: record.superseded }),
        subject: key,
        loginJson: jsonOf(certificate.loginId),
        record: open(stored),
        recorded: version,
        certificate,
      }
    }
  }
}

/** JSON of an object without its last brace: the script adds the rest. */
export function open(value: object): string {
  return jsonOf(value).slice(0, -1)
}

/** The fault for a subject that the directory does not know. */
export function notFound(what: string, name: string): GatewayError {
  return new GatewayError('admin_not_found', `Cannot find the ${what} in the directory: current value is ${name}`)
}
