import { createHash } from 'node:crypto'

/** Shows the events feed on the top page as it comes in, and says when the connection was cut. */
export const feedScript = `
(() => {
  const list = document.getElementById('feed'), state = document.getElementById('feed-state')
  const say = (text, off) => { state.textContent = text; state.className = off ? 'live off' : 'live' }
  const source = new EventSource('/events')
  let live = false
  source.addEventListener('open', () => { live = true })
  source.addEventListener('tick', (event) => {
    if (live) say(state.dataset.live + ' ' + new Date(JSON.parse(event.data).time).toLocaleTimeString('en-GB', { timeZone: state.dataset.timeZone }), false)
  })
  source.addEventListener('account', (event) => {
    const item = document.createElement('li')
    item.textContent = JSON.parse(event.data)[document.documentElement.lang]
    list.prepend(item)
    while (list.children.length > 4) list.lastElementChild.remove()
  })
  source.addEventListener('error', () => {
    live = false
    say(source.readyState === EventSource.CLOSED ? state.dataset.ended : state.dataset.broken, true)
  })
})()
`

/**
 * `/ticker.js`: shows the exchange rate feed on the top page, each rate with the way it went, and says when the connection was cut.
 * The page has rates of its own, so that nothing is missing without it.
 */
export const tickerScript = `
(() => {
  const state = document.getElementById('ticker-state'), time = document.getElementById('ticker-time')
  // Apart from the time, so that a screen reader speaks when the state changes, not every second.
  const say = (text, off) => {
    if (state.textContent !== text) state.textContent = text
    state.className = off ? 'live off' : 'live'
  }
  const show = ({ currency, yen }) => {
    const value = document.getElementById('rate-' + currency)
    if (!value || value.textContent === yen) return
    const up = Number(yen) > Number(value.textContent), move = value.nextElementSibling
    value.textContent = yen
    move.textContent = up ? '▲' : '▼'
    move.className = up ? 'move up' : 'move down'
  }
  say(state.dataset.waiting, false)
  const socket = new WebSocket('wss://' + location.host + '/ticker')
  socket.addEventListener('message', (event) => {
    const data = JSON.parse(event.data)
    data.rates.forEach(show)
    time.textContent = new Date(data.time).toLocaleTimeString('en-GB', { timeZone: time.dataset.timeZone })
    say(state.dataset.live, false)
  })
  socket.addEventListener('close', () => say(state.dataset.cut, true))
})()
`

/** A text's digest as content security policies and the `integrity` attribute write it. */
export function digestOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
