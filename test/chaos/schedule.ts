import { createRandom, type Random } from '../fuzz/random.ts'

/** Which Redis server, found when the time has come. */
export type ServerPart = 'master' | 'replica'
/** How a gateway is parted from the store. */
export type PartitionWay = 'silent' | 'answers_held' | 'requests_held' | 'reset' | 'slow'
export type PartitionOf = 'everything' | 'servers' | 'sentinels'

/** One thing that goes wrong. Gateways and Sentinels are numbers from 0. */
export type Fault =
  | { readonly kind: 'gateway_killed'; readonly gateway: number }
  | { readonly kind: 'gateway_paused'; readonly gateway: number }
  | { readonly kind: 'gateway_replaced'; readonly gateway: number }
  | { readonly kind: 'gateway_reloaded'; readonly gateway: number }
  | {
      readonly kind: 'partition'
      readonly gateways: readonly number[]
      readonly way: PartitionWay
      readonly of: PartitionOf
    }
  | { readonly kind: 'redis_killed'; readonly server: ServerPart }
  | { readonly kind: 'redis_emptied'; readonly server: ServerPart }
  | { readonly kind: 'redis_paused'; readonly server: ServerPart }
  | { readonly kind: 'redis_full' }
  | { readonly kind: 'connections_dropped' }
  | { readonly kind: 'failed_over' }
  | { readonly kind: 'flushed' }
  | { readonly kind: 'log_trimmed' }
  | { readonly kind: 'log_deleted' }
  | { readonly kind: 'serials_removed'; readonly count: number }
  | { readonly kind: 'set_deleted' }
  | { readonly kind: 'sentinel_killed'; readonly sentinel: number }

export type FaultKind = Fault['kind']

export type Step = {
  /** From the start of the faults. Unit: milliseconds. */
  readonly atMs: number
  /** How long it stays; 0: it happens at once, and nothing has to be put right. Unit: milliseconds. */
  readonly forMs: number
  readonly fault: Fault
}

export type ScheduleOptions = {
  readonly seed: number
  /** No fault lasts beyond. Unit: milliseconds. */
  readonly lengthMs: number
  readonly gateways: number
  readonly sentinels: number
  readonly maxStalenessMs: number
  /** Default: all. */
  readonly kinds?: readonly FaultKind[]
}

type Maker = (random: Random, options: ScheduleOptions) => { readonly fault: Fault; readonly forMs: number }

const between = (random: Random, fromMs: number, toMs: number) => fromMs + random.integer(toMs - fromMs)
const someServer = (random: Random): ServerPart => (random.chance(0.7) ? 'master' : 'replica')
const ways: readonly PartitionWay[] = ['silent', 'answers_held', 'requests_held', 'reset', 'slow']

/** Short enough to be overlooked, or long enough to be noticed, or too long for old data. */
function outageMs(random: Random, { maxStalenessMs }: ScheduleOptions): number {
  const [fromMs, toMs] = random.pick([
    [200, 1_000],
    [1_500, 4_000],
    [maxStalenessMs, maxStalenessMs + 4_000],
  ] as const)
  return between(random, fromMs, toMs)
}

function partition(random: Random, options: ScheduleOptions): ReturnType<Maker> {
  const all = Array.from({ length: options.gateways }, (_, gateway) => gateway)
  const gateways = random.chance(0.25) ? all : [random.pick(all)]
  const of = random.chance(0.6) ? 'everything' : random.pick<PartitionOf>(['servers', 'sentinels'])
  return { fault: { kind: 'partition', gateways, way: random.pick(ways), of }, forMs: outageMs(random, options) }
}

const makers: Readonly<Record<FaultKind, Maker>> = {
  gateway_killed: (random, { gateways }) => ({
    fault: { kind: 'gateway_killed', gateway: random.integer(gateways) },
    forMs: 0,
  }),
  gateway_paused: (random, options) => ({
    fault: { kind: 'gateway_paused', gateway: random.integer(options.gateways) },
    forMs: outageMs(random, options),
  }),
  gateway_replaced: (random, { gateways }) => ({
    fault: { kind: 'gateway_replaced', gateway: random.integer(gateways) },
    forMs: 0,
  }),
  gateway_reloaded: (random, { gateways }) => ({
    fault: { kind: 'gateway_reloaded', gateway: random.integer(gateways) },
    forMs: 0,
  }),
  partition,
  redis_killed: (random, options) => ({
    fault: { kind: 'redis_killed', server: someServer(random) },
    forMs: outageMs(random, options),
  }),
  // At once, so that nobody notices that it was away, or after its replica has taken over.
  redis_emptied: (random) => ({
    fault: { kind: 'redis_emptied', server: someServer(random) },
    forMs: random.chance(0.7) ? 50 : between(random, 2_000, 5_000),
  }),
  redis_paused: (random, options) => ({
    fault: { kind: 'redis_paused', server: someServer(random) },
    forMs: outageMs(random, options),
  }),
  redis_full: (random, options) => ({ fault: { kind: 'redis_full' }, forMs: outageMs(random, options) }),
  connections_dropped: () => ({ fault: { kind: 'connections_dropped' }, forMs: 0 }),
  failed_over: () => ({ fault: { kind: 'failed_over' }, forMs: 0 }),
  flushed: () => ({ fault: { kind: 'flushed' }, forMs: 0 }),
  log_trimmed: () => ({ fault: { kind: 'log_trimmed' }, forMs: 0 }),
  log_deleted: () => ({ fault: { kind: 'log_deleted' }, forMs: 0 }),
  serials_removed: (random) => ({ fault: { kind: 'serials_removed', count: 1 + random.integer(5) }, forMs: 0 }),
  set_deleted: () => ({ fault: { kind: 'set_deleted' }, forMs: 0 }),
  sentinel_killed: (random, options) => ({
    fault: { kind: 'sentinel_killed', sentinel: random.integer(options.sentinels) },
    forMs: outageMs(random, options),
  }),
}

export const faultKinds = Object.keys(makers) as readonly FaultKind[]

/** Faults begin only once traffic flows. Unit: milliseconds. */
const warmUpMs = 2_000
/** These have many forms. */
const often: Partial<Record<FaultKind, number>> = { partition: 3, redis_killed: 2, redis_paused: 2 }

/**
 * The same seed makes the same faults at the same times. They come in rounds of one to three that overlap, with pauses of different
 * lengths in between. Every kind has come before the bag is filled again.
 */
export function planFaults(options: ScheduleOptions): readonly Step[] {
  const random = createRandom(options.seed)
  const kinds = options.kinds ?? faultKinds
  const steps: Step[] = []
  let bag: FaultKind[] = []
  const draw = (): FaultKind => {
    if (bag.length === 0) bag = kinds.flatMap((kind) => Array.from({ length: often[kind] ?? 1 }, () => kind))
    return bag.splice(random.integer(bag.length), 1)[0] as FaultKind
  }
  let nowMs = warmUpMs
  while (nowMs < options.lengthMs) {
    let endMs = nowMs
    for (let left = 1 + random.integer(3); left > 0; left--) {
      const { fault, forMs } = makers[draw()](random, options)
      const atMs = nowMs + random.integer(1_500)
      if (atMs + forMs <= options.lengthMs) steps.push({ atMs, forMs, fault })
      endMs = Math.max(endMs, atMs + forMs)
    }
    nowMs = endMs + pauseMs(random, options)
  }
  return steps.toSorted((a, b) => a.atMs - b.atMs)
}

/** Mostly too short to heal; sometimes long enough. */
function pauseMs(random: Random, { maxStalenessMs }: ScheduleOptions): number {
  return random.chance(0.2) ? between(random, maxStalenessMs, maxStalenessMs + 8_000) : between(random, 300, 2_500)
}

/** A fault in few words. */
export function describeFault(fault: Fault): string {
  const { kind, ...rest } = fault
  const details = Object.values(rest).map((value) => (Array.isArray(value) ? `gateways ${value.join('+')}` : value))
  return [kind, ...details].join(' ')
}
