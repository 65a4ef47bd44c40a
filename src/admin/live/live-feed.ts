import type { Clock } from '../../base/clock.ts'
import { GatewayError } from '../../base/errors.ts'
import type { GatewayConfig } from '../../config/gateway-config.ts'
import type { Follower } from '../../control-path/follow.ts'
import type { ControlLog } from '../../control-path/ports.ts'
import type { LifecyclePorts } from '../../lifecycle/ports.ts'
import { GatewayWatch } from './gateway-watch.ts'
import { frameOf } from './live-frame.ts'
import type { LiveAudience, LiveMessage, LiveRefusal, LiveSample } from './live-message.ts'
import { type MetricReading, SampleTaker } from './live-numbers.ts'
import { describeState, type StateSources } from './live-state.ts'
import { LiveViewer } from './live-viewer.ts'
import { PushBook, type RuleAct } from './push-book.ts'

export type LiveFeedOptions = {
  /** In force now. */
  readonly config: () => Pick<GatewayConfig, 'doors' | 'limits' | 'revocation' | 'workers'>
  readonly metrics: { read(): MetricReading }
  readonly follower: Pick<Follower, 'onTaken'> & { status(): StateSources['status'] }
  readonly store: Pick<LifecyclePorts['store'], 'position' | 'gateways' | 'revocation'>
  /** This process, where gateways tell what they have applied. */
  readonly gatewayId: string
  readonly clock: Clock
  readonly log: Pick<ControlLog, 'warn'>
  /** Between two samples. Unit: milliseconds. Default 1 000. */
  readonly intervalMs?: number
  /** Without news for so long a stream says that it is alive. Unit: milliseconds. Default 10 000. */
  readonly heartbeatMs?: number
}

/** Samples that are remembered: five minutes of them. */
export const historyMax = 300
/** Refused logins that are remembered. */
export const refusalsMax = 100
/** Refused logins that are told one by one between two samples. */
export const refusalsToldMax = 20

const intervalMsDefault = 1_000
const heartbeatMsDefault = 10_000

/**
 * What the live page shows, taken once for all who look: a sample of the counters each second, and the last refused logins and
 * pushes. While nobody looks it only counts; the store is asked about other gateways when somebody does.
 */
export class LiveFeed {
  readonly #options: LiveFeedOptions
  readonly #viewers = new Set<LiveViewer>()
  readonly #history: LiveSample[] = []
  readonly #refusals: LiveRefusal[] = []
  readonly #gateways: GatewayWatch
  readonly #pushes: PushBook
  readonly #stopListening: () => void
  #taker: SampleTaker | undefined
  #timer: NodeJS.Timeout | undefined
  #refusalsTold = 0
  #refusalsLeftOut = 0

  constructor(options: LiveFeedOptions) {
    this.#options = options
    const { store, log, follower, gatewayId, clock } = options
    this.#gateways = new GatewayWatch({ store, gatewayId, clock })
    this.#pushes = new PushBook({ store, log, changed: (data) => this.#tell({ event: 'pushed', data }) })
    this.#stopListening = follower.onTaken((events) => this.#pushes.taken(events))
  }

  /** Begins to count; call once. */
  start(): void {
    const { metrics, clock, intervalMs = intervalMsDefault } = this.#options
    this.#taker = new SampleTaker(metrics.read(), clock.monotonicMs())
    this.#timer = setInterval(() => this.#tick(), intervalMs)
    this.#timer.unref()
  }

  /** Ends all streams. */
  close(): void {
    clearInterval(this.#timer)
    this.#stopListening()
    for (const viewer of this.#viewers) viewer.close()
    this.#viewers.clear()
  }

  /** Never throws and never waits. */
  noteRefusal(refusal: LiveRefusal): void {
    this.#refusals.unshift(refusal)
    if (this.#refusals.length > refusalsMax) this.#refusals.pop()
    if (this.#refusalsTold++ < refusalsToldMax) this.#tell({ event: 'refused', data: refusal })
    else this.#refusalsLeftOut++
  }

  /** Who put a rule in force here, or took it back. Never throws and never waits. */
  noteRule(event: RuleAct): void {
    this.#pushes.noteRule(event)
  }

  /** Somebody looks from now on, and is told first how everything stands; `leave` is called after. Throws `admin_viewers_limit`. */
  join(audience: LiveAudience): LiveViewer {
    const { heartbeatMs = heartbeatMsDefault, config } = this.#options
    const viewersMax = config().limits.liveViewersMax
    if (this.#viewers.size >= viewersMax) {
      throw new GatewayError(
        'admin_viewers_limit',
        `Cannot show the live page to more than ${viewersMax} at once at this gateway: close one that nobody looks at, try again later, or raise limits.liveViewersMax`,
      )
    }
    const viewer = new LiveViewer(audience, heartbeatMs)
    if (this.#viewers.size === 0) this.#gateways.begin()
    const snapshot: LiveMessage = {
      event: 'snapshot',
      data: {
        state: this.#describe(this.#options.metrics.read()),
        history: this.#history,
        refused: this.#refusals,
        pushes: this.#pushes.pushes,
      },
    }
    viewer.tell(frameOf(snapshot, audience), false)
    this.#viewers.add(viewer)
    return viewer
  }

  leave(viewer: LiveViewer): void {
    viewer.close()
    this.#viewers.delete(viewer)
  }

  #tick(): void {
    const { metrics, clock } = this.#options
    const reading = metrics.read()
    const sample = this.#taker?.take(reading, { atMs: clock.nowMs(), monotonicMs: clock.monotonicMs() })
    if (sample === undefined) return
    this.#history.push(sample)
    if (this.#history.length > historyMax) this.#history.shift()
    const refusalsLeftOut = this.#refusalsLeftOut
    this.#refusalsTold = 0
    this.#refusalsLeftOut = 0
    if (this.#viewers.size === 0) return
    this.#tell({ event: 'tick', data: { sample, state: this.#describe(reading), refusalsLeftOut } })
    this.#gateways.ask()
  }

  /** A text is made once for all who may see the same. */
  #tell(message: LiveMessage): void {
    const texts = new Map<LiveAudience, string>()
    for (const viewer of this.#viewers) {
      const text = texts.get(viewer.audience) ?? frameOf(message, viewer.audience)
      texts.set(viewer.audience, text)
      viewer.tell(text, message.event === 'tick')
    }
  }

  #describe(reading: MetricReading) {
    const { config, follower, clock } = this.#options
    const { doors, revocation, workers } = config()
    return describeState({
      atMs: clock.nowMs(),
      reading,
      status: follower.status(),
      doors: [...doors.certificate, ...(doors.public === undefined ? [] : [doors.public])].map(({ name }) => name),
      maxStalenessSeconds: revocation.maxStalenessSeconds,
      deniesWhenStale: !revocation.insecureServeWhenStale,
      workersConfigured: workers,
      heard: this.#gateways.heard(),
    })
  }
}
