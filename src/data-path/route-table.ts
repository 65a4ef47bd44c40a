import type { ExchangeContext } from './exchange-context.ts'
import { ownPrefix } from './own-pages.ts'
import { matchedPath, otherReadings, type PathRules } from './request-path.ts'

/** One route as one worker sees it: which requests it takes, what it asks of them, and where they go. */
export type Route = {
  readonly kind: 'route'
  readonly name: string
  /** Normalised hosts; empty: every host of the door. */
  readonly hosts: readonly string[]
  /** Matched by whole segments, without regard to case; `/` takes everything. */
  readonly pathPrefix: string
  /**
   * `asDoor`: a certificate door wants a good certificate, the public door none. `required`: the public door refuses too.
   * `optional`: on certificate doors clients without a good certificate pass too, and nothing is vouched for.
   */
  readonly certificate: 'asDoor' | 'required' | 'optional'
  /** Undefined: every method the doors let through. */
  readonly methods: ReadonlySet<string> | undefined
  readonly webSocket: boolean
  /** What exchanges on this route share: upstream, limits, services. */
  readonly exchanges: ExchangeContext
}

/** A route and its prefix in lower case. */
type Entry = { readonly prefix: string; readonly route: Route }

/**
 * The routes of one door. Paths are compared without regard to case: to an application that heeds it another case is another path,
 * which leads nowhere, but to one that does not it is the same, and must meet the same rules.
 */
export class RouteTable {
  readonly #rules: PathRules
  readonly #keepsAmbiguous: boolean
  readonly #byHost = new Map<string, readonly Entry[]>()
  readonly #anyHost: readonly Entry[]

  constructor(routes: readonly Route[], rules: PathRules) {
    this.#rules = rules
    this.#keepsAmbiguous = rules.encodedSlashes === 'keep' || rules.dotSegments === 'keep'
    // The longest prefix is met first; a route that names the host comes before one that does not.
    const ordered = routes
      .map((route) => ({ prefix: route.pathPrefix.toLowerCase(), route }))
      .sort((a, b) => b.prefix.length - a.prefix.length)
    this.#anyHost = ordered.filter(({ route }) => route.hosts.length === 0)
    for (const host of new Set(routes.flatMap(({ hosts }) => hosts))) {
      this.#byHost.set(host, [...ordered.filter(({ route }) => route.hosts.includes(host)), ...this.#anyHost])
    }
  }

  /** `host` is normalised. `ambiguous`: the path may be read in two ways (400). Undefined: no route takes it (404). */
  find(host: string, target: string): Route | 'ambiguous' | undefined {
    const path = matchedPath(target, this.#rules)
    if (path === undefined) return 'ambiguous'
    const entries = this.#byHost.size === 0 ? this.#anyHost : (this.#byHost.get(host) ?? this.#anyHost)
    const route = match(entries, path)
    // What is kept is for an application that reads it in one way; which one we cannot know, so the route must be the same.
    if (this.#keepsAmbiguous && otherReadings(target).some((reading) => match(entries, reading) !== route))
      return 'ambiguous'
    return route
  }
}

function match(entries: readonly Entry[], path: string): Route | undefined {
  let lower: string | undefined
  if (path.charCodeAt(1) === dot) {
    lower = path.toLowerCase()
    if (isBelow(lower, ownRoot)) return matchOwn(entries, lower)
  }
  for (let at = 0; at < entries.length; at++) {
    const { prefix, route } = entries[at] as Entry
    if (prefix === '/') return route
    lower ??= path.toLowerCase()
    if (isBelow(lower, prefix)) return route
  }
  return undefined
}

/** The gateway's own paths reach its own pages, and never an application, in whatever spelling. */
function matchOwn(entries: readonly Entry[], path: string): Route | undefined {
  return entries.find(({ prefix }) => isBelow(prefix, ownRoot) && isBelow(path, prefix))?.route
}

/** `*` (OPTIONS) is below nothing but the root. */
function isBelow(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === slash)
}

const slash = 0x2f
const dot = 0x2e
const ownRoot = ownPrefix.slice(0, -1)
