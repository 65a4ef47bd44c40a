import { systemClock } from '../../base/clock.ts'
import type { RedisConfig } from '../../config/gateway-config.ts'
import { examineServer, type ServerFacts } from '../../store/redis/examine-server.ts'
import type { Examined } from './examined.ts'
import { bad, type Check, type Finding, ok, reasonOf, warn } from './finding.ts'

/** Clocks further apart are a matter for somebody. Unit: milliseconds. */
const apartMs = { warn: 1_000, bad: 30_000 }
/** Part of `maxmemory` beyond which little is left. */
const fullPart = 0.9

/** The store: the file in the state folder, or Redis as a gateway sees it. */
export function storeChecks({ config }: Pick<Examined, 'config'>): readonly Check[] {
  const { store } = config
  const group = 'Store'
  if (store.kind === 'redis') return [{ group, subject: 'Redis', run: (signal) => redisFindings(store, signal) }]
  const subject = 'Embedded store'
  return [{ group, subject, run: () => [ok(subject, 'a file in the state folder; this gateway alone has it')] }]
}

async function redisFindings(config: RedisConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    return describeServer(await examineServer(config, { clock: systemClock, signal }), config)
  } catch (error) {
    const fix =
      'Do what it says; else start Redis, open the way to it, or correct store.redis. Until then gateways live on their snapshots'
    return [bad('Redis', reasonOf(error), fix)]
  }
}

type Wanted = Pick<RedisConfig, 'username' | 'replicasWanted'>

/** What is said of a server that answers. */
export function describeServer(facts: ServerFacts, config: Wanted): readonly Finding[] {
  return [
    versionFinding(facts),
    ok('maxmemory-policy', 'noeviction: it throws no revocation away'),
    persistenceFinding(facts),
    replicasFinding(facts, config.replicasWanted),
    memoryFinding(facts),
    clockFinding(facts),
    rightsFinding(facts, config.username ?? 'default'),
  ]
}

function versionFinding({ server, version }: ServerFacts): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isKnown = major > 6 || (major === 6 && minor >= 2)
  if (isKnown) return ok(server, `it answers, version ${version}`)
  return bad(server, `it has version ${version}`, 'Use Redis 6.2 or later (7 for finer ACLs), or Valkey')
}

function persistenceFinding({ appendOnly, persists }: ServerFacts): Finding {
  const subject = 'Redis persistence'
  if (!persists) return bad(subject, 'its last write to disk failed', 'See its log, and the space on its disk')
  if (appendOnly) return ok(subject, 'append-only file')
  const fix =
    'CONFIG SET appendonly yes, then CONFIG REWRITE; otherwise the users and certificates recorded last are lost'
  return warn(subject, 'no append-only file: a crash loses what was written last', fix)
}

function replicasFinding({ replicas }: ServerFacts, wanted: number): Finding {
  const subject = 'Redis replicas'
  const detail = `${replicas} connected, ${wanted} wanted`
  if (replicas >= wanted) return ok(subject, detail)
  const fix =
    'Start them, or see why they do not follow (INFO replication); where there shall be none: replicasWanted: 0. Until then each push waits in vain, and what was pushed last dies with this server'
  return warn(subject, detail, fix)
}

function memoryFinding({ usedBytes, bytesMax }: ServerFacts): Finding {
  const subject = 'Redis memory'
  const used = `${Math.ceil(usedBytes / 1_048_576)} MiB used`
  if (bytesMax === 0) return ok(subject, `${used}, no limit of its own`)
  const detail = `${used} of ${Math.floor(bytesMax / 1_048_576)} MiB`
  const fix = 'Raise maxmemory: with noeviction Redis refuses every write once it is full, revocations too'
  if (usedBytes >= bytesMax) return bad(subject, detail, fix)
  return usedBytes > fullPart * bytesMax ? warn(subject, detail, fix) : ok(subject, detail)
}

function clockFinding({ aheadMs }: ServerFacts): Finding {
  const subject = 'Clock against Redis'
  const detail = `this machine is ${Math.abs(Math.round(aheadMs))} ms ${aheadMs < 0 ? 'ahead of' : 'behind'} Redis`
  const fix = 'Synchronise both machines (timedatectl, chronyc tracking): validity periods go by the clock'
  if (Math.abs(aheadMs) >= apartMs.bad) return bad(subject, detail, fix)
  return Math.abs(aheadMs) >= apartMs.warn ? warn(subject, detail, fix) : ok(subject, detail)
}

function rightsFinding({ forbidden }: ServerFacts, user: string): Finding {
  const subject = `Redis user ${user}`
  const where = '“ACL users” in src/store/redis/README.md'
  if (forbidden === undefined) {
    return warn(subject, 'this version cannot tell what it may do', `Compare ACL GETUSER ${user} with ${where}`)
  }
  if (forbidden.length === 0) return ok(subject, 'it may do all that a gateway needs')
  if (forbidden.includes('eval')) {
    const fix = `Right for a gateway that only follows; one that revokes or issues needs the first rule of ${where}`
    return warn(subject, 'it may read only', fix)
  }
  const fix = `ACL SETUSER ${user} ~{sekisho}:* ${forbidden.map((name) => `+${name}`).join(' ')} (all: ${where})`
  return bad(subject, `it may not run ${forbidden.join(', ')} on {sekisho}:*`, fix)
}
