import type { LiveAlarm } from '../live-alarms.ts'
import type { LiveWords } from '../live-words.ts'
import type { Format } from './live-format.ts'

/** Of more than so many of one kind only the names are told, in one line. */
const linesMax = 3

let shown = ''

/** What is wrong, also while the page is paused. Touched only when something has changed: screen readers say it anew each time. */
export function showAlarms(alarms: readonly LiveAlarm[], words: LiveWords, format: Format): void {
  const box = document.getElementById('alarms')
  const lines = linesOf(alarms, words, format)
  const isGrave = alarms.some(({ grave }) => grave)
  const print = JSON.stringify([isGrave, lines])
  if (!box || print === shown) return
  shown = print
  box.className = `box ${alarms.length === 0 ? 'success' : isGrave ? 'error' : 'warning'}`
  const title = document.createElement('strong')
  title.textContent = alarms.length === 0 ? words.allWell : isGrave ? words.gravelyWrong : words.wrong
  const list = document.createElement('ul')
  for (const line of lines) {
    const item = document.createElement('li')
    item.textContent = line
    list.append(item)
  }
  box.replaceChildren(title, ...(lines.length === 0 ? [] : [list]))
  box.hidden = false
}

/** A thousand gateways that are behind must not push everything else off the screen. */
function linesOf(alarms: readonly LiveAlarm[], words: LiveWords, format: Format): string[] {
  const codes = [...new Set(alarms.map(({ code }) => code))]
  return codes.flatMap((code) => {
    const names = alarms
      .filter((alarm) => alarm.code === code)
      .map(({ name, target }) => [name, target].filter(Boolean).join(' – '))
    const told = names.length > linesMax ? [format.some(names)] : names
    return told.map((name) => [words.alarms[code], name].filter(Boolean).join(' – '))
  })
}
