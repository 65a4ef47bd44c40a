import type { Clock } from '../base/clock.ts'
import type { BankVisit } from './bank-visit.ts'

const accountEvents = [
  { ja: '入金がありました　ハコネ商会（カ　1,210,000円', en: 'Payment received: Hakone Shokai KK, ¥1,210,000' },
  { ja: '振込が完了しました　関所物産（カ　385,000円', en: 'Transfer completed: Sekisho Bussan KK, ¥385,000' },
  { ja: '口座振替の予定があります　電気料金　48,216円', en: 'Direct debit scheduled: electricity, ¥48,216' },
  { ja: '総合振込の承認待ちが1件あります', en: 'One bulk transfer is waiting for approval' },
] as const

/** One account event comes with every so many ticks, beginning with the first. */
const ticksPerAccountEvent = 5

/**
 * Server-sent events without end: a `tick` with time and login ID at each interval, and now and then an `account` event.
 * Ends when the client or the gateway closes the connection. A client that does not read misses ticks.
 */
export function streamEvents(
  { request, response }: BankVisit,
  { loginId, clock, intervalMs }: { loginId: string; clock: Clock; intervalMs: number },
): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  let sequence = 0
  const tick = () => {
    if (response.writableNeedDrain) return
    const data = { time: new Date(clock.nowMs()).toISOString(), loginId, sequence }
    let text = `id: ${sequence}\nevent: tick\ndata: ${JSON.stringify(data)}\n\n`
    if (sequence % ticksPerAccountEvent === 0) {
      const event = accountEvents[(sequence / ticksPerAccountEvent) % accountEvents.length]
      text += `event: account\ndata: ${JSON.stringify(event)}\n\n`
    }
    sequence++
    response.write(text)
  }
  response.write('retry: 3000\n\n')
  tick()
  const timer = setInterval(tick, intervalMs)
  response.on('close', () => clearInterval(timer))
}
