import { GatewayError } from '../../base/errors.ts'
import type { RedisConfig } from '../../config/gateway-config.ts'
import type { RedisClient } from './redis-client.ts'
import { newerSchema, unavailable } from './redis-errors.ts'
import { redisKeys, schemaVersion } from './redis-keys.ts'
import { textOf } from './replies.ts'

/**
 * Looks, on a connection that has just been made, whether the server may hold the store. Throws `config_invalid` where it may throw
 * keys away or will not tell, `store_schema_newer`, and `store_unavailable` where it cannot serve now (LOADING, a replica, …).
 */
export async function checkServer(client: RedisClient, config: RedisConfig): Promise<void> {
  // ioredis goes on with database 0 where it may not select another.
  if (config.database > 0) await client.call(['SELECT', config.database])
  const about = await readAbout(client, config)
  const policy = about.get('maxmemory_policy')
  if (policy !== 'noeviction') throw mayEvict(client.server, policy)
  // A replica that was primary before a failover would answer, with what it had then.
  if (config.mode !== 'standalone' && about.get('role') !== 'master') {
    throw unavailable(client.server, 'it is a replica now')
  }
  const schema = Number(textOf(await client.call(['HGET', redisKeys.state, 'schema'])) ?? schemaVersion)
  if (schema > schemaVersion) throw newerSchema(`use the store in ${client.server}`, String(schema))
}

async function readAbout(client: RedisClient, config: RedisConfig): Promise<ReadonlyMap<string, string>> {
  try {
    const info = textOf(await client.call(['INFO'])) ?? ''
    return new Map(
      info.split(/\r?\n/).flatMap((line) => {
        const colon = line.indexOf(':')
        return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const]
      }),
    )
  } catch (error) {
    if (!(error instanceof GatewayError) || !error.message.includes('NOPERM')) throw error
    const user = config.username ?? 'default'
    throw new GatewayError(
      'config_invalid',
      `Cannot use ${client.server} as the store as its maxmemory-policy cannot be read: user ${user} may not run INFO. ` +
        `Type ACL SETUSER ${user} +info`,
      { path: 'store.redis' },
    )
  }
}

function mayEvict(server: string, policy: string | undefined): GatewayError {
  return new GatewayError(
    'config_invalid',
    `Cannot use ${server} as the store as it may throw revocations away when its memory is full: current value of ` +
      `maxmemory-policy is ${policy ?? 'unknown'}. Type CONFIG SET maxmemory-policy noeviction, and put it into its configuration`,
    { path: 'store.redis' },
  )
}
