import type {
  LiveAudience,
  LivePush,
  LiveRefusal,
  LiveSample,
  LiveSnapshot,
  LiveState,
  LiveTick,
} from '../live-message.ts'
import type { LiveWords } from '../live-words.ts'
import type { StreamEvent } from './event-stream.ts'

/** What the server wrote into the page. */
export type PageData = {
  readonly words: LiveWords
  readonly language: 'ja' | 'en'
  readonly timeZone: string
  readonly audience: LiveAudience
}

/** Everything heard so far that is shown. */
export type Model = {
  state: LiveState | undefined
  samples: LiveSample[]
  refused: LiveRefusal[]
  pushes: LivePush[]
  refusalsLeftOut: number
}

const samplesMax = 300
const listMax = 100

/** Takes an event into the model. A snapshot begins anew: whoever comes back has missed something. */
export function takeEvent(model: Model, { event, data }: StreamEvent): void {
  if (event === 'snapshot') {
    const { state, history, refused, pushes } = data as LiveSnapshot
    Object.assign(model, { state, samples: [...history], refused: [...refused], pushes: [...pushes] })
    model.refusalsLeftOut = 0
  }
  if (event === 'tick') {
    const { sample, state, refusalsLeftOut } = data as LiveTick
    model.state = state
    model.samples = [...model.samples, sample].slice(-samplesMax)
    model.refusalsLeftOut = refusalsLeftOut
  }
  if (event === 'refused') model.refused = [data as LiveRefusal, ...model.refused].slice(0, listMax)
  if (event === 'pushed') {
    const push = data as LivePush
    const others = model.pushes.filter(({ id }) => id !== push.id)
    model.pushes = [push, ...others].sort((one, other) => other.id - one.id).slice(0, listMax)
  }
}
