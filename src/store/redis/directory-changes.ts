import { GatewayError } from '../../base/errors.ts'
import type { DirectoryEntry } from '../../control-path/ports.ts'
import type {
  ChangeResult,
  Contract,
  DirectoryRecord,
  LoginMethod,
  NewCertificate,
  User,
} from '../../control-path/store-port.ts'
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
import { certificatesOfKey, redisKeys, type TypedKey } from './redis-keys.ts'
import { jsonOf, scriptCall } from './redis-script.ts'
import { listOf } from './replies.ts'

type ChangeOptions = { readonly logEventsMax: number }

/** Records that one run of a script writes. */
const recordsAtOnce = 200

/** Creates the contract or sets its limit. */
export async function writeContract(client: RedisClient, contract: Contract, options: ChangeOptions): Promise<void> {
  const { contractId, loginMethod, certificateLimit } = contract
  const methodEvent = jsonOf({ kind: 'login_method', contractId, method: loginMethod })
  const what = { contractId, idJson: jsonOf(contractId), loginMethod, certificateLimit, methodEvent }
  const { keys, input } = scriptCall(what, options)
  await client.run(contractScript, keys, input)
}

/** Creates the user or sets contract and role; throws `admin_not_found` for a contract that is not there. */
export async function writeUser(
  client: RedisClient,
  { loginId, contractId, role }: Omit<User, 'state'>,
  options: ChangeOptions,
): Promise<void> {
  const entryHead = `{"type":"user","user":${jsonOf({ loginId, contractId, role }).slice(0, -1)}`
  const what = {
    loginId,
    contractId,
    role,
    idJson: jsonOf(loginId),
    entryHead,
    record: jsonOf({ contractId, role }).slice(0, -1),
  }
  const { keys, input } = scriptCall(what, options)
  if (Number(await client.run(userScript, keys, input)) === 2) throw notFound('contract', contractId)
}

/** Records a certificate; throws `admin_not_found` for a login ID that is not there. */
export async function writeCertificate(
  client: RedisClient,
  certificate: NewCertificate,
  options: ChangeOptions,
): Promise<'recorded' | 'known' | 'belongs_to_another'> {
  const { key, loginId, notBeforeMs, notAfterMs } = certificate
  parseCertificateKey(key)
  const entry = jsonOf({
    type: 'certificate',
    certificate: { key, loginId, notBeforeMs, notAfterMs },
    superseded: false,
  } satisfies DirectoryEntry)
  const what = {
    key,
    loginId,
    idJson: jsonOf(loginId),
    entry,
    record: jsonOf({ loginId, notBeforeMs, notAfterMs }).slice(0, -1),
  }
  const { keys, input } = scriptCall(what, { ...options, keys: [{ name: certificatesOfKey(loginId), type: 'set' }] })
  const answer = Number(await client.run(certificateScript, keys, input))
  if (answer === 2) throw notFound('login ID', loginId)
  return answer === 3 ? 'belongs_to_another' : answer === 1 ? 'recorded' : 'known'
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
    const siblings = new Set(lost.flatMap((record) => ('siblings' in record ? record.siblings : [])))
    const more = [...siblings].map((name): TypedKey => ({ name, type: 'set' }))
    const { keys, input } = scriptCall({ records: lost, above }, { logEventsMax, keys: more })
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
      const { contractId, certificateLimit, loginMethod: method } = record.contract
      const stored = open({ certificateLimit })
      return { ...shared, ...loginMethod({ contractId, method }), subject: contractId, record: stored }
    }
    case 'user': {
      const { loginId, contractId, role, state } = record.user
      const refusal = suspension({ loginId, suspended: state === 'suspended' })
      const stored = open({ contractId, role })
      return { ...shared, ...refusal, subject: loginId, loginJson: jsonOf(loginId), record: stored }
    }
    case 'certificate': {
      const { key, loginId, notBeforeMs, notAfterMs } = record.certificate
      return {
        ...shared,
        ...superseding({ key, superseded: record.superseded }),
        subject: key,
        loginJson: jsonOf(loginId),
        record: open({ loginId, notBeforeMs, notAfterMs }),
        recorded: version,
        siblings: certificatesOfKey(loginId),
      }
    }
  }
}

/** JSON of an object without its last brace: the script adds the version. */
function open(value: object): string {
  return jsonOf(value).slice(0, -1)
}

function notFound(what: string, name: string): GatewayError {
  return new GatewayError('admin_not_found', `Cannot find the ${what} in the directory: current value is ${name}`)
}
