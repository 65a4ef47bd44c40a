// Goal: days left and steps are what a calendar in the bank's time zone says (R10, R11). Method: moments around midnights, year ends and
// clock changes.
import t from 'tap'
import { calendarDay, localTime } from '../../src/base/calendar-day.ts'
import { noticeDaysMax as configuredMax } from '../../src/config/notices-file.ts'
import { noticeDaysMax } from '../../src/lifecycle/notice-plan.ts'
import { noticeFor, noticeStep } from '../../src/lifecycle/notice-step.ts'

const tokyo = 'Asia/Tokyo'
const days = [40, 30, 10, 1]
const expiry = { notAfterMs: Date.parse('2026-12-24T23:59:59+09:00') }
const at = (time: string) => Date.parse(`${time}+09:00`)
const told = (time: string, more = {}) => noticeFor(expiry, { nowMs: at(time), timeZone: tokyo, days, ...more })

t.test('R10: days are calendar days in the time zone of the bank', async (t) => {
  t.equal(told('2026-12-23T00:00:00').daysLeft, 1)
  t.equal(told('2026-12-23T23:59:59').daysLeft, 1)
  t.equal(told('2026-12-24T00:00:00').daysLeft, 0)
  t.equal(told('2026-11-24T12:00:00').daysLeft, 30)
  const utc = noticeFor(expiry, { nowMs: at('2026-12-24T08:59:59'), timeZone: 'UTC', days })
  t.equal(utc.daysLeft, 1, 'in another zone it is another day')
})

t.test('R10: the step is the smallest that is not below the days left, so missed ones count as one', async (t) => {
  const steps = [41, 40, 39, 31, 30, 11, 10, 2, 1, 0].map((daysLeft) => noticeStep(daysLeft, days))
  t.same(steps, [undefined, 40, 40, 40, 30, 30, 10, 10, 1, 1])
  t.equal(noticeStep(0, [30, 0]), 0)
  t.equal(noticeStep(-1, days), undefined)
  t.equal(noticeStep(5, []), undefined)
})

t.test(
  'R11: renewal is due from the largest step on, or from the configured day, and never after expiry',
  async (t) => {
    t.match(told('2026-11-14T00:00:00'), { daysLeft: 40, renewalDue: true, step: 40 })
    t.match(told('2026-11-13T23:59:59'), { daysLeft: 41, renewalDue: false, step: undefined })
    t.match(told('2026-10-25T00:00:00', { renewalDueDays: 60 }), { daysLeft: 60, renewalDue: true, step: undefined })
    t.match(told('2026-12-24T23:59:59'), { daysLeft: 0, renewalDue: true, step: 1 }, 'its last second counts')
    t.match(told('2026-12-25T00:00:00'), { daysLeft: -1, renewalDue: false, step: undefined })
  },
)

t.test('clock changes do not lose or add a day', async (t) => {
  const zone = 'Europe/Berlin'
  const spring = Date.parse('2026-03-29T00:00:00+01:00')
  t.equal(calendarDay(spring + 23 * 3_600_000, zone) - calendarDay(spring, zone), 1, 'a day of 23 hours')
  const autumn = Date.parse('2026-10-25T00:00:00+02:00')
  t.equal(calendarDay(autumn + 24.5 * 3_600_000, zone) - calendarDay(autumn, zone), 0, 'a day of 25 hours')
  t.same(localTime(at('2026-01-01T00:05:00'), tokyo), { year: 2026, month: 1, day: 1, hour: 0, minute: 5 })
})

t.test('the largest step is the same for the configuration and for contracts', async (t) => {
  t.equal(noticeDaysMax, configuredMax)
})
