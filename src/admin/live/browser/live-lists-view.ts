import type { LiveList, LivePush, LiveState } from '../live-message.ts'
import type { Format } from './live-format.ts'
import { showGateways } from './live-gateways-view.ts'
import type { Model, PageData } from './live-model.ts'
import { badge, type Cell, fillTable, link, type Row, showNote } from './live-table.ts'

const addressColumn = 5
const expiringDays = 30
const expiringSoonDays = 7

/** All tables. */
export function showLists(model: Model, page: PageData, format: Format): void {
  const { state, refused, pushes } = model
  if (state === undefined) return
  const { words } = page
  const hidden = new Set(page.audience === 'branch' ? [addressColumn] : [])
  fillTable(
    'refused',
    refused.map(({ atMs, reason, loginId, serial, door, address = '', requestId }) => ({
      cells: [
        format.moment(atMs, state.atMs),
        { text: format.label(reason), style: 'wraps' },
        loginId === undefined ? '' : link(loginId, `/counter/user?${new URLSearchParams({ id: loginId })}`),
        { text: shorten(serial ?? ''), style: 'code' },
        door,
        { text: address, style: 'code' },
        link(requestId, `/counter/request?${new URLSearchParams({ id: requestId })}`),
      ],
    })),
    hidden,
  )
  const left = model.refusalsLeftOut
  showNote('refused', left === 0 ? '' : format.fill(words.refusedMore, { n: left }))
  fillTable(
    'pushes',
    pushes.map((push) => pushRow(push, state, { words, format })),
  )
  showGateways(state, page, format)
  showDoors(state, words)
  fillTable(
    'upstreams',
    state.targets.map((target) => targetRow(target, words)),
  )
  const lists = [
    ...state.published.map((list) => listRow(list, words.ours, { words, format })),
    ...state.crls.map((list) => listRow(list, words.theirs, { words, format })),
  ]
  fillTable('lists', lists)
  const kinds: Record<string, string> = { server: words.server, client: words.client, issuer: words.issuer }
  fillTable(
    'certificates',
    state.certificates.map(({ kind, name, daysLeft }) => ({
      cells: [kinds[kind] ?? kind, { text: name, style: 'wraps' }, daysLeft],
      look: daysLeft < expiringSoonDays ? 'bad' : daysLeft < expiringDays ? 'odd' : undefined,
    })),
  )
}

type Way = { readonly words: PageData['words']; readonly format: Format }

function pushRow(push: LivePush, { gateways, atMs }: LiveState, { words, format }: Way): Row {
  const missing = gateways.list.filter(({ version }) => version < push.version)
  const n = gateways.list.length
  const names = format.some(missing.map(({ name }) => name))
  const some = { text: format.fill(words.confirmedSome, { done: n - missing.length, n, names }), style: 'wraps' }
  const all = badge(format.fill(words.confirmedAll, { n }), 'valid')
  return {
    cells: [
      format.moment(push.atMs, atMs),
      words.kinds[push.kind],
      push.count,
      { text: push.actor ?? words.unknown, style: 'wraps' },
      causeWord(push.reason ?? '', words),
      n === 0 ? '' : missing.length === 0 ? all : some,
    ],
    look: missing.length > 0 ? 'odd' : undefined,
  }
}

function showDoors({ doors, revocations, webSockets, own }: LiveState, words: PageData['words']): void {
  fillTable(
    'doors',
    doors.map(({ door, open, http1, http2, streams }) => ({ cells: [door, open, http1, http2, streams] })),
  )
  fillTable(
    'revocations',
    revocations.map(({ issuer, entries }) => ({ cells: [{ text: issuer, style: 'wraps' }, entries] })),
  )
  showNote('doors', `${words.webSockets}: ${webSockets.toLocaleString()}`)
  showNote('revocations', `${words.rules}: ${own.rules.toLocaleString()}`)
}

function causeWord(reason: string, { causes }: PageData['words']): string {
  return (causes as Readonly<Record<string, string>>)[reason] ?? reason
}

function targetRow({ upstream, target, ...counts }: LiveState['targets'][number], words: PageData['words']): Row {
  const states = (['available', 'ejected', 'unhealthy'] as const).filter((state) => counts[state] > 0)
  const isWell = states.every((state) => state === 'available')
  const health = states.map((state) => `${words[state]} ${counts[state]}`).join(', ')
  const shown: Cell = badge(health, isWell ? 'valid' : counts.available > 0 ? 'soon' : 'revoked')
  return {
    cells: [upstream, { text: target, style: 'wraps' }, shown],
    look: isWell ? undefined : counts.available > 0 ? 'odd' : 'bad',
  }
}

function listRow({ name, number, entries, nextUpdateSeconds }: LiveList, whose: string, { words, format }: Way): Row {
  const isLate = nextUpdateSeconds !== null && nextUpdateSeconds < 0
  const span = format.span(nextUpdateSeconds)
  return {
    cells: [
      { text: `${name} (${whose})`, style: 'wraps' },
      number ?? words.unknown,
      entries ?? words.unknown,
      isLate ? format.fill(words.late, { t: span }) : span,
    ],
    look: isLate ? 'bad' : entries === null ? 'odd' : undefined,
  }
}

/** Long serial numbers are told apart by their ends; the page of the request has them whole. */
function shorten(serial: string): string {
  return serial.length <= 16 ? serial : `${serial.slice(0, 6)}…${serial.slice(-8)}`
}
