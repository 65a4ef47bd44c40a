import { type Command, InvalidArgumentError } from 'commander'
import type { CommandTools } from './run-command.ts'
import { counted, textTable } from './text-table.ts'

/** Answer of `GET /v1/revocations`. */
export type RevocationList = {
  readonly revocations: readonly {
    readonly issuer: string
    readonly issuerId: string
    readonly serial: string
    readonly loginId?: string
    readonly reason: string
    readonly comment: string
    readonly actor: string
    readonly revokedAt: string
  }[]
  readonly nextCursor?: number
}

type ConnectionList = {
  readonly connections: readonly {
    readonly door: string
    readonly issuer?: string
    readonly serial?: string
    readonly loginId?: string
    readonly contractId?: string
    readonly openedAt: string
    readonly clientAddress: string
  }[]
  readonly truncated: boolean
}

type IssuerList = { readonly issuers: readonly { name: string; issuerId: string; redisKey: string }[] }

const pageMax = 1_000

/** `list`, `connections` and `issuers`. */
export function addListCommands(program: Command, tools: CommandTools): void {
  program
    .command('list')
    .description('revocations in force, newest first')
    .option('--login-id <id>', 'only those of this login ID')
    .option('--issuer <name>', 'only those of this issuing CA')
    .option('--limit <count>', 'how many at most', readCount, 100)
    .action((options: { loginId?: string; issuer?: string; limit: number }) => listRevocations(options, tools))
  program
    .command('connections')
    .description('live connections of the certificate doors')
    .option('--login-id <id>', 'only those of this login ID')
    .action((options: { loginId?: string }) => listConnections(options, tools))
  program
    .command('issuers')
    .description('issuing CAs: name, issuerId, and the Redis key of their revocations')
    .action(() => listIssuers(tools))
}

function readCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= 1_000_000) return count
  throw new InvalidArgumentError('It must be a whole number from 1 to 1000000.')
}

async function listRevocations(options: { loginId?: string; issuer?: string; limit: number }, tools: CommandTools) {
  const client = tools.client()
  const revocations: RevocationList['revocations'][number][] = []
  let cursor: number | undefined
  do {
    const query = new URLSearchParams({ limit: String(Math.min(pageMax, options.limit - revocations.length)) })
    if (options.loginId !== undefined) query.set('loginId', options.loginId)
    if (options.issuer !== undefined) query.set('issuer', options.issuer)
    if (cursor !== undefined) query.set('cursor', String(cursor))
    const page = await client.call<RevocationList>({ method: 'GET', path: `/v1/revocations?${query}` })
    revocations.push(...page.revocations)
    cursor = page.nextCursor
  } while (cursor !== undefined && revocations.length < options.limit)
  const rows = revocations.map(({ revokedAt, issuer, serial, loginId, reason, actor, comment }) => [
    revokedAt,
    issuer,
    serial,
    loginId ?? '-',
    reason,
    actor,
    comment,
  ])
  const more = cursor === undefined ? '' : 'There are more: raise --limit.\n'
  const table = textTable(['REVOKED AT', 'ISSUER', 'SERIAL', 'LOGIN ID', 'REASON', 'BY', 'COMMENT'], rows)
  tools.print(
    { revocations, more: cursor !== undefined },
    rows.length === 0 ? 'No revocation is in force.\n' : `${table}${more}`,
  )
}

async function listConnections(options: { loginId?: string }, tools: CommandTools) {
  const query = options.loginId === undefined ? '' : `?${new URLSearchParams({ loginId: options.loginId })}`
  const list = await tools.client().call<ConnectionList>({ method: 'GET', path: `/v1/connections${query}` })
  const rows = list.connections.map(({ openedAt, door, clientAddress, loginId, contractId, issuer, serial }) => [
    openedAt,
    door,
    clientAddress,
    loginId ?? '-',
    contractId ?? '-',
    issuer ?? '-',
    serial ?? '-',
  ])
  const table = textTable(['OPENED AT', 'DOOR', 'FROM', 'LOGIN ID', 'CONTRACT', 'ISSUER', 'SERIAL'], rows)
  const sum = `${counted(rows.length, 'connection')}${list.truncated ? ' shown; there are more' : ''}.\n`
  tools.print(list, rows.length === 0 ? 'No connection is open.\n' : `${table}${sum}`)
}

async function listIssuers(tools: CommandTools) {
  const list = await tools.client().call<IssuerList>({ method: 'GET', path: '/v1/issuers' })
  const rows = list.issuers.map(({ name, issuerId, redisKey }) => [name, issuerId, redisKey])
  tools.print(list, textTable(['NAME', 'ISSUER ID', 'REDIS KEY'], rows))
}
