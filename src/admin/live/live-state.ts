import type { FollowerStatus } from '../../control-path/follower-status.ts'
import { tenths } from '../gateway-list.ts'
import type { GatewaysHeard } from './gateway-watch.ts'
import { findAlarms } from './live-alarms.ts'
import type { LiveList, LiveState } from './live-message.ts'
import { type MetricReading, numberOf, type Series, seriesOf, sumOf } from './live-numbers.ts'

/** What the state is made from. */
export type StateSources = {
  readonly atMs: number
  readonly reading: MetricReading
  readonly status: Pick<FollowerStatus, 'state' | 'version' | 'dataAgeMs' | 'rules' | 'unrecorded'>
  /** Of the configuration in force; doors that a reload took away are not shown. */
  readonly doors: readonly string[]
  readonly maxStalenessSeconds: number
  readonly deniesWhenStale: boolean
  readonly workersConfigured: number
  readonly heard: GatewaysHeard
}

/** How everything stands, from the metrics, the follower, and what gateways told the store. */
export function describeState(sources: StateSources): LiveState {
  const { reading, status, heard } = sources
  const state = {
    atMs: sources.atMs,
    version: seriesOf(reading, 'sekisho_build_info')[0]?.labels[0] ?? '',
    own: {
      state: status.state,
      storeVersion: status.version,
      dataAgeSeconds: Number.isFinite(status.dataAgeMs) ? tenths(status.dataAgeMs) : null,
      maxStalenessSeconds: sources.maxStalenessSeconds,
      deniesWhenStale: sources.deniesWhenStale,
      workersRunning: sumOf(reading, 'sekisho_workers'),
      workersConfigured: sources.workersConfigured,
      rules: status.rules,
    },
    gateways: {
      heardSecondsAgo: tenths(heard.agoMs),
      storeVersion: heard.overview.storeVersion,
      list: heard.overview.gateways,
    },
    doors: sources.doors.map((door) => describeDoor(reading, door)),
    webSockets: sumOf(reading, 'sekisho_upgrades_open'),
    revocations: seriesOf(reading, 'sekisho_revocation_entries').map(({ labels: [issuer = ''], value }) => ({
      issuer,
      entries: value,
    })),
    targets: describeTargets(reading),
    crls: describeLists(reading, 'sekisho_crl'),
    published: describeLists(reading, 'sekisho_published_crl'),
    certificates: seriesOf(reading, 'sekisho_certificate_days_left')
      .map(({ labels: [kind = '', name = ''], value }) => ({ kind, name, daysLeft: value }))
      .toSorted((one, other) => one.daysLeft - other.daysLeft),
  }
  const isReloadRefused = sumOf(reading, 'sekisho_config_last_reload_successful') === 0
  const { longBehind } = heard
  return { ...state, alarms: findAlarms(state, { longBehind, isReloadRefused, unrecorded: status.unrecorded }) }
}

function describeDoor(reading: MetricReading, door: string): LiveState['doors'][number] {
  return {
    door,
    open: numberOf(reading, 'sekisho_connections_open', door),
    http1: numberOf(reading, 'sekisho_connections_by_version_total', door, 'http1'),
    http2: numberOf(reading, 'sekisho_connections_by_version_total', door, 'http2'),
    streams: numberOf(reading, 'sekisho_http2_streams_open', door),
  }
}

function describeTargets(reading: MetricReading): LiveState['targets'] {
  const targets = Map.groupBy(seriesOf(reading, 'sekisho_upstream_target_state'), ({ labels }) =>
    JSON.stringify(labels.slice(0, 2)),
  )
  return Array.from(targets.values(), (series) => {
    const [upstream = '', target = ''] = series[0]?.labels ?? []
    const count = (state: string) => series.find(({ labels }) => labels[2] === state)?.value ?? 0
    return {
      upstream,
      target,
      available: count('available'),
      ejected: count('ejected'),
      unhealthy: count('unhealthy'),
    }
  })
}

function describeLists(reading: MetricReading, prefix: string): LiveList[] {
  const column = (name: string) => new Map(seriesOf(reading, `${prefix}_${name}`).map(entryOf))
  const [numbers, entries, nextUpdates] = [column('number'), column('entries'), column('next_update_seconds')]
  return Array.from(numbers.keys(), (name) => ({
    name,
    number: known(numbers.get(name)),
    entries: known(entries.get(name)),
    nextUpdateSeconds: known(nextUpdates.get(name)),
  }))
}

function entryOf({ labels, value }: Series): [string, number] {
  return [labels[0] ?? '', value]
}

function known(value = Number.NaN): number | null {
  return Number.isNaN(value) ? null : Math.round(value)
}
