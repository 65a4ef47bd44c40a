/** A user of a contract, as the master's list shows them. */
export type UserRow = {
  readonly loginId: string
  /** Empty: none is recorded. */
  readonly name: string
  readonly role: 'master' | 'general'
  readonly suspended: boolean
  /** After too many wrong passwords. */
  readonly locked: boolean
  /** The certificate in use, or the last one that was; undefined: none. */
  readonly certificate: UserCertificate | undefined
  /** One that was issued and never used, beside another (R20). */
  readonly pending: UserCertificate | undefined
}

export type UserCertificate = {
  readonly state: 'valid' | 'unused' | 'expired' | 'revoked'
  /** Unit: milliseconds since the epoch. */
  readonly notAfterMs: number
  /** Lower-case hex. */
  readonly serial: string
}

/** Columns by which a list may be sorted. */
export const userSorts = ['loginId', 'name', 'state', 'expiry'] as const

/** Column a list is sorted by. */
export type UserSort = (typeof userSorts)[number]

/** What of a list is shown, and how: all of it stands in the address, so that it works without scripts and can be kept. */
export type UserView = { readonly search: string; readonly sort: UserSort; readonly descending: boolean }

const searchCharactersMax = 100
const stateOrder = ['expired', 'revoked', 'none', 'unused', 'valid'] as const

/** Reads a view from the query of an address; whatever is unknown there counts as left out. */
export function readView(query: URLSearchParams): UserView {
  const sort = userSorts.find((known) => known === query.get('sort')) ?? 'loginId'
  const search = (query.get('q') ?? '').trim().slice(0, searchCharactersMax)
  return { search, sort, descending: query.get('dir') === 'desc' }
}

/** The query of an address that shows this view; empty for the usual one. */
export function writeView(view: UserView): string {
  const query = new URLSearchParams()
  if (view.search !== '') query.set('q', view.search)
  if (view.sort !== 'loginId') query.set('sort', view.sort)
  if (view.descending) query.set('dir', 'desc')
  return query.toString()
}

/** The rows that a view shows, in its order. Full-width letters and case make no difference to a search. */
export function viewRows(rows: readonly UserRow[], view: UserView): UserRow[] {
  const wanted = folded(view.search)
  const found = rows.filter(({ loginId, name }) => folded(loginId).includes(wanted) || folded(name).includes(wanted))
  const sorted = found.sort((one, other) => compare(one, other, view.sort) || byLoginId(one, other))
  return view.descending ? sorted.reverse() : sorted
}

function folded(text: string): string {
  return text.normalize('NFKC').toLowerCase()
}

function compare(one: UserRow, other: UserRow, sort: UserSort): number {
  if (sort === 'name') return one.name.localeCompare(other.name, 'ja')
  if (sort === 'state') return stateRank(one) - stateRank(other)
  if (sort === 'expiry') return endOf(one) - endOf(other)
  return byLoginId(one, other)
}

function byLoginId(one: UserRow, other: UserRow): number {
  return one.loginId < other.loginId ? -1 : one.loginId > other.loginId ? 1 : 0
}

function stateRank({ certificate }: UserRow): number {
  return stateOrder.indexOf(certificate?.state ?? 'none')
}

/** Whoever has none stands last. */
function endOf({ certificate }: UserRow): number {
  return certificate?.notAfterMs ?? Number.MAX_SAFE_INTEGER
}

/** Whether there is something to revoke: an unexpired certificate that is not revoked (R17). */
export function isRevocable({ certificate, pending }: UserRow): boolean {
  return [certificate, pending].some((one) => one?.state === 'valid' || one?.state === 'unused')
}
