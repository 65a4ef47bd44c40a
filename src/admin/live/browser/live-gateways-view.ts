import type { LiveState } from '../live-message.ts'
import type { Format } from './live-format.ts'
import type { PageData } from './live-model.ts'
import { badge, fillTable, type Row, setText, showNote } from './live-table.ts'

type Gateway = LiveState['gateways']['list'][number]

const rowsMax = 100
/** What the store told is so old that nobody knows how other gateways are now. Unit: seconds. */
const silentAfterSeconds = 5

/** The table of gateways, and what the page says of its own one. */
export function showGateways(state: LiveState, { words }: PageData, format: Format): void {
  const { gateways, own, version } = state
  const shown = choose(gateways.list)
  fillTable(
    'gateways',
    shown.map((gateway) => gatewayRow(gateway, state, { words, format })),
  )
  const left = gateways.list.length - shown.length
  showNote('gateways', left === 0 ? '' : format.fill(words.gatewaysMore, { n: left }))
  setText('workers', `${words.workers} ${own.workersRunning}/${own.workersConfigured}`)
  const mine = gateways.list.find((gateway) => gateway.own)?.name ?? ''
  setText('gateway', `${mine} ${words.product} ${version}`.trim())
}

/** Of very many, this one and those that are behind before the others. */
function choose(list: readonly Gateway[]): readonly Gateway[] {
  if (list.length <= rowsMax) return list
  const rank = (gateway: Gateway) => (gateway.own ? 0 : gateway.behind ? 1 : 2)
  return list.toSorted((one, other) => rank(one) - rank(other)).slice(0, rowsMax)
}

function gatewayRow(
  gateway: Gateway,
  { own, gateways }: LiveState,
  { words, format }: { readonly words: PageData['words']; readonly format: Format },
): Row {
  const since = gateways.heardSecondsAgo
  const isUnknown = !gateway.own && since > silentAfterSeconds
  // What this gateway knows of itself is newer than what it told the store; of the others time has gone by since.
  const now = gateway.own
    ? { state: own.state, dataAgeSeconds: own.dataAgeSeconds, version: Math.max(own.storeVersion, gateway.version) }
    : { ...gateway, dataAgeSeconds: gateway.dataAgeSeconds === null ? null : gateway.dataAgeSeconds + since }
  const isWell = now.state === 'live' && !gateway.behind && !isUnknown
  const stateWord = words.states[now.state as keyof typeof words.states] ?? now.state
  return {
    cells: [
      gateway.own ? `${gateway.name} (${words.own})` : gateway.name,
      gateway.programVersion,
      badge(isUnknown ? words.unknown : stateWord, isUnknown ? 'soon' : now.state === 'live' ? 'valid' : 'revoked'),
      now.version,
      Math.max(0, gateways.storeVersion - now.version),
      format.ago(now.dataAgeSeconds),
      format.ago(gateway.reportedSecondsAgo + since),
    ],
    look: isWell ? undefined : gateway.own ? 'bad' : 'odd',
  }
}
