import type { LifecyclePorts } from './ports.ts'

/** A user by login ID, or a contract. */
export type HistorySubject = `login:${string}` | `contract:${string}`

/** What can happen to a user or a contract. Kept in the store: never renamed, never reused. */
export const historyKinds = [
  'changed',
  'created',
  'issued',
  'locked',
  'login_method_changed',
  'mail_bounced',
  'reinstated',
  'renewed',
  'restored',
  'revoked',
  'suspended',
  'unlocked',
] as const
export type HistoryKind = (typeof historyKinds)[number]

/** One thing that happened, for people at the counter and the helpdesk. What counts as evidence is the audit log. */
export type HistoryEntry = {
  /** Unit: milliseconds since the epoch. */
  readonly atMs: number
  readonly what: HistoryKind
  /** Login ID, operator's name, or empty: the gateway. */
  readonly who: string
  readonly requestId: string
  /** Flat, and without secrets; texts are shortened to 200 characters. */
  readonly detail: HistoryDetail
}

type HistoryDetail = Readonly<Record<string, string | number | boolean>>
type HistoryPorts = Pick<LifecyclePorts, 'log' | 'nowMs'> & {
  readonly store: Pick<LifecyclePorts['store'], 'addHistory' | 'history'>
}

const textCharactersMax = 200

/** Adds what has just happened. Never rejects: an act that was done stays done when its history cannot be written. */
export async function noteHistory(
  subject: HistorySubject,
  entry: Omit<HistoryEntry, 'atMs' | 'detail'> & { readonly detail?: HistoryDetail },
  ports: HistoryPorts,
): Promise<void> {
  try {
    const detail = Object.fromEntries(
      Object.entries(entry.detail ?? {}).map(([name, value]) => [
        name,
        typeof value === 'string' ? shorten(value) : value,
      ]),
    )
    const { what, who, requestId } = entry
    await ports.store.addHistory(subject, JSON.stringify({ atMs: ports.nowMs(), what, who, requestId, detail }))
  } catch (error) {
    ports.log.warn('the history of a subject could not be written', { subject, what: entry.what, error: String(error) })
  }
}

/** At most `limit` entries, newest first; what cannot be read is passed over. Throws GatewayError `store_unavailable`. */
export async function readHistory(
  subject: HistorySubject,
  limit: number,
  ports: Pick<HistoryPorts, 'store'>,
): Promise<readonly HistoryEntry[]> {
  return (await ports.store.history(subject, limit)).flatMap((text) => parse(text) ?? [])
}

function parse(text: string): HistoryEntry | undefined {
  try {
    const { atMs, what, who, requestId, detail } = JSON.parse(text) as Record<string, unknown>
    if (typeof atMs !== 'number' || typeof who !== 'string' || typeof requestId !== 'string') return undefined
    if (!historyKinds.some((kind) => kind === what) || typeof detail !== 'object' || detail === null) return undefined
    return { atMs, what: what as HistoryKind, who, requestId, detail: detail as HistoryDetail }
  } catch {
    return undefined
  }
}

function shorten(text: string): string {
  return text.length <= textCharactersMax ? text : `${text.slice(0, textCharactersMax - 1)}…`
}
