// Goal: a WebSocket is one request: counted once, in the class of the status its client was sent, and logged once, with that status
// (101 over HTTP/1.1, 200 over HTTP/2), the application's bytes and how it ended; the gauge of open ones goes back to 0. Its time in the histogram is that of the
// answer to its request, however long it stays.
// Method: one WebSocket of each fate on each road; the changes of the counters and the lines of the access log.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { reset } from '../helpers/faults/reset.ts'
import { webSocketRoads } from '../helpers/web-socket.ts'
import { type Ends, WebSocketSetting } from './websocket-ends.ts'

const setting = await WebSocketSetting.start(t, {
  config: {
    accessLog: { file: 'access.log' },
    limits: { webSocketIdleTimeoutMs: 700, webSocketsPerUserMax: 1, upstreamResponseTimeoutMs: 400 },
  },
})
const { app, gateway } = setting
const certificate = setting.certificateOf('user01')

app.answer('/no', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope')
app.answer('/misfit', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
app.handle('/mute', () => {})

type Line = Readonly<Record<string, unknown>>
const linesOf = (path: string): Line[] =>
  readFileSync(join(gateway.folder, 'access.log'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
    .filter(({ target }) => target === path)

/** Request counters that are not 0, as `route class`, and the upgrades of the route. */
async function counts(): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const route of ['app', 'own', 'refused']) {
    for (const status of ['none', '1xx', '2xx', '3xx', '4xx', '5xx'])
      found[`${route} ${status}`] =
        (await gateway.metric('sekisho_requests_total', { route, status_class: status })) ?? 0
  }
  found.upgrades = (await gateway.metric('sekisho_upgrades_total', { route: 'app' })) ?? 0
  return found
}

const secondsOf = async () => (await gateway.metric('sekisho_request_duration_seconds_sum', { route: 'app' })) ?? 0

function changesOf(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const changed = Object.keys(after).filter((name) => after[name] !== before[name])
  return Object.fromEntries(changed.map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)]))
}

/** Ten bytes from the application, then the end. */
const fates: Readonly<Record<string, { end(ends: Ends): void; outcome: Record<'http/1.1' | 'h2', string> }>> = {
  'the client leaves': {
    end: ({ tunnel }) => tunnel.destroy(),
    outcome: { 'http/1.1': 'client_closed', h2: 'client_closed' },
  },
  'the client ends, then the application': {
    end: ({ tunnel, side }) => {
      tunnel.end()
      side.socket.once('end', () => side.socket.end())
    },
    outcome: { 'http/1.1': 'client_closed', h2: 'answered' },
  },
  'the application ends': {
    end: ({ side }) => void side.socket.end(),
    outcome: { 'http/1.1': 'answered', h2: 'answered' },
  },
  'the application resets': {
    end: ({ side }) => reset(side.socket),
    outcome: { 'http/1.1': 'upstream_reset', h2: 'upstream_reset' },
  },
  'nobody says anything': {
    end: () => {},
    outcome: { 'http/1.1': 'upgrade_idle_timeout', h2: 'upgrade_idle_timeout' },
  },
}

for (const over of webSocketRoads) {
  const status = over === 'h2' ? 200 : 101
  const success = over === 'h2' ? 'app 2xx' : 'app 1xx'

  for (const [fate, { end, outcome }] of Object.entries(fates)) {
    t.test(`${fate}, over ${over}`, async (t) => {
      const before = await counts()
      const secondsBefore = await secondsOf()
      const path = setting.newPath()
      const ends = await setting.open({ over, certificate, path })
      await setting.untilOpen(1)
      ends.side.socket.write('ten bytes.')
      await eventually(
        () => ends.tunnel.receivedBytes,
        (bytes) => bytes === 10,
      )
      end(ends)
      await setting.untilOpen(0)
      ends.tunnel.destroy()
      ends.side.socket.destroy()
      const lines = await eventually(
        () => linesOf(path),
        (found) => found.length > 0,
      )
      t.match(lines, [
        { status, bytesSent: 10, outcome: outcome[over], method: 'GET', loginId: 'user01', door: 'certificate' },
      ])
      t.equal(lines.length, 1)
      t.strictSame(changesOf(before, await counts()), { [success]: 1, upgrades: 1 })
      const { upstreamMs, durationMs } = lines[0] as { upstreamMs: number; durationMs: number }
      const seconds = (await secondsOf()) - secondsBefore
      t.ok(Math.abs(seconds - upstreamMs / 1_000) < 0.002, `${seconds} s, ${upstreamMs} of ${durationMs} ms`)
    })
  }

  t.test(`upgrades that come to nothing, over ${over}`, async (t) => {
    const before = await counts()
    const holder = await setting.open({ over, certificate })
    const full = setting.newPath()
    t.equal((await setting.refused({ over, certificate, path: full })).status, 503)
    holder.tunnel.destroy()
    await setting.untilOpen(0)
    const wanted = [
      { path: '/no', status: 403, outcome: 'answered', bytesSent: 4 },
      { path: '/misfit', status: 502, outcome: 'upstream_response_malformed' },
      { path: '/mute', status: 504, outcome: 'upstream_response_timeout' },
    ]
    for (const { path } of wanted) await setting.refused({ over, certificate, path })
    for (const { path, ...line } of [...wanted, { path: full, status: 503, outcome: 'upgrade_limit' }]) {
      const lines = await eventually(
        () => linesOf(path),
        (found) => found.length > (over === 'h2' && path !== full ? 1 : 0),
      )
      t.match(lines.at(-1), line)
      t.equal(lines.length, over === 'h2' && path !== full ? 2 : 1, path)
    }
    t.strictSame(changesOf(before, await counts()), {
      [success]: 1,
      upgrades: 1,
      'app 4xx': 1,
      'app 5xx': 2,
      'refused 5xx': 1,
    })
    t.equal(await gateway.metric('sekisho_upgrades_open', { route: 'app' }), 0)
  })
}
