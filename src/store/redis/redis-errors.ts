import { GatewayError } from '../../base/errors.ts'

/** What the change scripts say when the store was written by a newer program; the number follows. */
export const newerSchemaWord = 'NEWERSCHEMA'

/** Answers after which the connection leads to the wrong server, or to one that cannot serve now: another is looked for. */
const elsewhere = /\b(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|TRYAGAIN|UNBLOCKED|NOAUTH|NOREPLICAS)\b/

const notPermitted = /\bNOPERM\b|ACL failure in script|user executing the script/i

export type FaultContext = {
  /** The server, for people; never with a password. */
  readonly server: string
  /** Texts that must not appear. */
  readonly secrets: readonly string[]
  /** The command was to change something. */
  readonly writes?: boolean
}

/** Turns what ioredis throws into the faults of the store port, with Redis's own words. */
export function redisFault(error: unknown, context: FaultContext): GatewayError {
  if (error instanceof GatewayError) return error
  const said = withoutSecrets(error instanceof Error ? error.message : String(error), context.secrets)
  // The command with its arguments hangs on ioredis's errors, passwords included: so they are no cause of ours.
  const newer = new RegExp(`${newerSchemaWord} (\\d+)`).exec(said)
  if (newer !== null) return newerSchema(`change the store in ${context.server}`, newer[1] ?? '')
  if (context.writes === true && notPermitted.test(said)) {
    return new GatewayError('store_read_only', `Cannot change the store in ${context.server}: ${said}`)
  }
  return unavailable(context.server, said)
}

/** Whether another connection should be made after this answer. */
export function leadsElsewhere(error: unknown): boolean {
  return error instanceof Error && elsewhere.test(error.message)
}

/** The fault of a store that cannot be used now. */
export function unavailable(server: string, why: string): GatewayError {
  return new GatewayError('store_unavailable', `Cannot use ${server} as the store: ${why}`)
}

/** The fault of data that a newer program wrote. */
export function newerSchema(what: string, found: string): GatewayError {
  return new GatewayError(
    'store_schema_newer',
    `Cannot ${what} as a newer program has written it: current value of its schema is ${found}`,
  )
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((shown, secret) => (secret === '' ? shown : shown.replaceAll(secret, '[hidden]')), text)
}
