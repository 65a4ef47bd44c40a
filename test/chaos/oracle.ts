import { type History, type Loss, type Push, permitted, revoked, type Visit } from './history.ts'

/**
 * What makes a permitted request wrong. Each looks only at requests that were started after the gateway had to know.
 *
 * acknowledged_here: this gateway had acknowledged the revocation. It holds for ever, whatever the store forgets.
 * refused_before:    this gateway had refused the certificate as revoked.
 * overdue:           another gateway had acknowledged it more than the allowed staleness ago, and the store had it all the time, or
 *                    had it for so long that this gateway, which was admitting, must have read it.
 * hand_overdue:      it was added by hand, and nothing was wrong anywhere since.
 */
export type Rule = 'acknowledged_here' | 'refused_before' | 'overdue' | 'hand_overdue'

export type WrongAdmission = {
  readonly rule: Rule
  readonly visit: Visit
  /** From when on this gateway had to refuse. */
  readonly boundMs: number
  readonly push: Push | undefined
}

export type LostPush = {
  readonly certificate: number
  /** The first acknowledgement; undefined: it was added by hand. */
  readonly push: Push | undefined
  readonly inStore: boolean
  /** By gateway. */
  readonly outcomes: readonly string[]
}

/** A late admission that nobody could have avoided: the store had lost the revocation, or there were two masters. */
export type ExcusedAdmission = { readonly visit: Visit; readonly push: Push; readonly losses: readonly Loss[] }

export type Findings = {
  readonly wronglyAdmitted: readonly WrongAdmission[]
  /** Acknowledged, and not refused everywhere or not in the store after the healing. */
  readonly lostPushes: readonly LostPush[]
  /** Refused as revoked although nobody has ever asked for that. */
  readonly wronglyRefused: readonly Visit[]
  readonly excused: readonly ExcusedAdmission[]
}

type Bound = { readonly rule: Rule; readonly ms: number; readonly push: Push | undefined }

/** Judges a whole run. Knows nothing of the gateways but what they answered. */
export function judgeHistory(history: History): Findings {
  return new Oracle(history).judge()
}

class Oracle {
  readonly #history: History
  /** Permitted requests of each gateway, of any certificate, by start. */
  readonly #admissions = new Map<number, Visit[]>()
  /** Acknowledgements of each certificate, earliest first. */
  readonly #pushes = new Map<number, Push[]>()
  /** When a gateway first said that the certificate is revoked, by `certificate@gateway`. */
  readonly #firstRefusedMs = new Map<string, number>()
  readonly #addedMs: ReadonlyMap<number, number>

  constructor(history: History) {
    this.#history = history
    for (const push of history.pushes.toSorted((a, b) => a.acknowledgedMs - b.acknowledgedMs))
      listIn(this.#pushes, push.certificate).push(push)
    for (const visit of history.visits) {
      if (visit.outcome === permitted) listIn(this.#admissions, visit.gateway).push(visit)
      if (visit.outcome !== revoked) continue
      const place = placeOf(visit)
      const before = this.#firstRefusedMs.get(place) ?? Number.POSITIVE_INFINITY
      this.#firstRefusedMs.set(place, Math.min(before, visit.endedMs))
    }
    for (const list of this.#admissions.values()) list.sort((a, b) => a.startedMs - b.startedMs)
    this.#addedMs = new Map(history.handAdditions.map(({ certificate, addedMs }) => [certificate, addedMs]))
  }

  judge(): Findings {
    const wronglyAdmitted: WrongAdmission[] = []
    const wronglyRefused: Visit[] = []
    const excused: ExcusedAdmission[] = []
    for (const visit of this.#history.visits) {
      if (visit.outcome === revoked && !this.#wasTried(visit)) wronglyRefused.push(visit)
      if (visit.outcome !== permitted) continue
      const [bound] = this.#boundsOf(visit).toSorted((a, b) => a.ms - b.ms)
      if (bound !== undefined) {
        wronglyAdmitted.push({ rule: bound.rule, visit, boundMs: bound.ms, push: bound.push })
        continue
      }
      const excuse = this.#excuseOf(visit)
      if (excuse !== undefined) excused.push(excuse)
    }
    return { wronglyAdmitted, lostPushes: this.#lostPushes(), wronglyRefused, excused }
  }

  #wasTried({ certificate, endedMs }: Visit): boolean {
    return (this.#history.firstTriedMs.get(certificate) ?? Number.POSITIVE_INFINITY) <= endedMs
  }

  /** All rules that this permitted request breaks. */
  #boundsOf(visit: Visit): Bound[] {
    const bounds: Bound[] = []
    const note = (rule: Rule, ms: number | undefined, push?: Push) => {
      if (ms !== undefined && visit.startedMs > ms) bounds.push({ rule, ms, push })
    }
    const pushes = this.#pushes.get(visit.certificate) ?? []
    const here = pushes.find(({ gateway }) => gateway === visit.gateway)
    note('acknowledged_here', here?.acknowledgedMs, here)
    note('refused_before', this.#firstRefusedMs.get(placeOf(visit)), pushes[0])
    for (const push of pushes) note('overdue', this.#overdueFrom(push, visit), push)
    note('hand_overdue', this.#handOverdueFrom(visit))
    return bounds
  }

  /** From when on a gateway that had not taken part in the push must refuse this request; undefined: it need not. */
  #overdueFrom(push: Push, visit: Visit): number | undefined {
    const { calms, calmMs, marginMs } = this.#history
    const dueMs = this.#dueMs(push)
    if (visit.startedMs <= dueMs) return undefined
    const lossMs = Math.min(...this.#lossesBetween(push, visit).map(({ beginMs }) => beginMs))
    if (lossMs === Number.POSITIVE_INFINITY) return dueMs
    // It was admitting on data that it must have read after the push and before the loss.
    const followed = this.#admissions
      .get(visit.gateway)
      ?.find(({ startedMs, endedMs }) => startedMs > dueMs && endedMs < lossMs)
    if (followed !== undefined) return followed.endedMs
    // Whoever knew it has published it again.
    const healed = calms
      .map(({ beginMs, endMs }) => ({ ms: Math.max(beginMs, push.acknowledgedMs) + calmMs + marginMs, endMs }))
      .find(({ ms, endMs }) => ms <= endMs && visit.startedMs > ms)
    return healed?.ms
  }

  #handOverdueFrom(visit: Visit): number | undefined {
    const { calms, handMs, marginMs } = this.#history
    const addedMs = this.#addedMs.get(visit.certificate)
    if (addedMs === undefined) return undefined
    const calm = calms.some(({ beginMs, endMs }) => beginMs <= addedMs && visit.endedMs <= endMs)
    return calm ? addedMs + handMs + marginMs : undefined
  }

  #dueMs({ acknowledgedMs }: Push): number {
    return acknowledgedMs + this.#history.maxStalenessMs + this.#history.marginMs
  }

  /** What may have made the store forget the push before the request had ended. */
  #lossesBetween(push: Push, visit: Visit): Loss[] {
    const { losses, replicas } = this.#history
    const onAll = replicas > 0 && (push.replicas ?? 0) >= replicas
    return losses.filter(({ kind, beginMs, endMs, certificates }) => {
      if (kind === 'unsettled' && onAll) return false
      if (certificates?.has(push.certificate) === false) return false
      // The store had it before the acknowledgement came, perhaps already when it was asked.
      return endMs >= push.askedMs && beginMs <= visit.endedMs
    })
  }

  #excuseOf(visit: Visit): ExcusedAdmission | undefined {
    const push = this.#pushes.get(visit.certificate)?.find((one) => visit.startedMs > this.#dueMs(one))
    return push === undefined ? undefined : { visit, push, losses: this.#lossesBetween(push, visit) }
  }

  #lostPushes(): LostPush[] {
    const { final, handAdditions } = this.#history
    if (final === undefined) return []
    const lost: LostPush[] = []
    const look = (certificate: number, push: Push | undefined) => {
      const inStore = final.inStore.has(certificate)
      const outcomes = final.outcomes.get(certificate) ?? []
      if (!inStore || outcomes.length === 0 || outcomes.some((outcome) => outcome !== revoked))
        lost.push({ certificate, push, inStore, outcomes })
    }
    for (const [certificate, [push]] of this.#pushes) look(certificate, push)
    for (const { certificate } of handAdditions) {
      // Nobody has promised to keep what was added by hand before a gateway saw it.
      if (!this.#pushes.has(certificate) && final.inStore.has(certificate)) look(certificate, undefined)
    }
    return lost
  }
}

function placeOf({ certificate, gateway }: Visit): string {
  return `${certificate}@${gateway}`
}

function listIn<T>(lists: Map<number, T[]>, key: number): T[] {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  return list
}
