/** What balancing looks at in a target that may be used. */
export type Candidate = {
  /** Of the target's name; for affinity. */
  readonly hash: number
  /** Connections lent to requests now. */
  readonly inUse: number
  /** How much of a full share it may take now: over 0 up to 1, below 1 in its slow start. */
  share(nowMs: number): number
  /** In slow start, when a request would be given to it: whether it takes it, on average as often as its share says. */
  takesTurn(share: number): boolean
}

/**
 * The candidate with the fewest requests in relation to its share; of equals the first from position `first` on, so that whoever
 * moves `first` along has them take turns. Returns its position, -1 if there is none beside `avoid`.
 */
export function leastOutstanding<Target extends Candidate>(
  candidates: readonly Target[],
  { first, nowMs, avoid }: { first: number; nowMs: number; avoid: Target | undefined },
): number {
  const at = leastLoaded(candidates, { first, nowMs, avoid, shareMin: 0 })
  const share = candidates[at]?.share(nowMs) ?? 1
  // The load alone would not hold it back in a quiet hour, when nobody has any.
  if (share === 1 || candidates[at]?.takesTurn(share)) return at
  const other = leastLoaded(candidates, { first, nowMs, avoid, shareMin: 1 })
  return other < 0 ? at : other
}

function leastLoaded<Target extends Candidate>(
  candidates: readonly Target[],
  { first, nowMs, avoid, shareMin }: { first: number; nowMs: number; avoid: Target | undefined; shareMin: number },
): number {
  const count = candidates.length
  let best = -1
  let bestLoad = Number.POSITIVE_INFINITY
  for (let step = 0; step < count; step++) {
    const at = (first + step) % count
    const candidate = candidates[at] as Target
    if (candidate === avoid) continue
    const share = candidate.share(nowMs)
    const load = candidate.inUse / share
    if (share < shareMin || load >= bestLoad) continue
    best = at
    bestLoad = load
  }
  return best
}

/**
 * The candidate to which `key` belongs, by weighted rendezvous hashing: when a target leaves, only its own keys move, each to its next
 * best; while one comes back, its keys return in proportion to its share. Returns its position, -1 if there is none beside `avoid`.
 */
export function rendezvous<Target extends Candidate>(
  candidates: readonly Target[],
  { key, nowMs, avoid }: { key: string; nowMs: number; avoid: Target | undefined },
): number {
  const keyHash = hashText(key)
  let best = -1
  let bestScore = 0
  for (let at = 0; at < candidates.length; at++) {
    const candidate = candidates[at] as Target
    if (candidate === avoid) continue
    const unit = (mix(keyHash ^ candidate.hash) + 0.5) / 2 ** 32
    const score = candidate.share(nowMs) / -Math.log(unit)
    if (score > bestScore) {
      best = at
      bestScore = score
    }
  }
  return best
}

/** FNV-1a over UTF-16 code units. Returns 32 bits; not for secrets. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the result. */
function mix(bits: number): number {
  let hash = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
