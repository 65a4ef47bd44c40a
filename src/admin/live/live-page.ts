import { Html, html } from '../../portal/html.ts'
import type { Desk } from '../counter/desk.ts'
import { audienceOf } from './live-frame.ts'
import { liveStyle } from './live-style.ts'
import { type LiveWords, liveWords } from './live-words.ts'

/** Charts, by the names under which the script finds them. */
const charts = ['verdicts', 'reasons', 'handshakes', 'requests', 'cuts'] as const

/** Tables by name, with their columns; those of `numbers` stand to the right. */
const tables = {
  refused: ['time', 'reason', 'who', 'serial', 'door', 'address', 'requestId'],
  pushes: ['time', 'kind', 'count', 'actor', 'reason', 'confirmed'],
  gateways: ['name', 'programVersion', 'state', 'position', 'lag', 'dataAge', 'heard'],
  doors: ['door', 'open', 'http1', 'http2', 'streams'],
  revocations: ['issuer', 'entries'],
  upstreams: ['upstream', 'target', 'health'],
  lists: ['list', 'number', 'entries', 'nextUpdate'],
  certificates: ['sort', 'name', 'daysLeft'],
} as const satisfies Record<string, readonly (keyof LiveWords)[]>

const numbers: ReadonlySet<string> = new Set([
  'count',
  'position',
  'lag',
  'dataAge',
  'open',
  'http1',
  'http2',
  'streams',
  'entries',
  'number',
  'daysLeft',
])

/** The whole page; everything that changes is filled in by the script at `entry`. */
export function livePage(desk: Desk, entry: string): string {
  const { language, names, services, call } = desk
  const words = liveWords[language]
  const audience = audienceOf(call.operator ?? { roles: [] })
  const data = JSON.stringify({ words, language, timeZone: services.timeZone(), audience })
  return html`<!doctype html>
<html lang="${language}"><head><meta charset="utf-8">
<title>${words.title} | ${names.name}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex,nofollow">
<meta name="color-scheme" content="light dark"><meta name="format-detection" content="telephone=no">
<style>${new Html(liveStyle)}</style><script type="module" src="${entry}"></script></head><body class="live" data-page="${data}">
<a class="skip" href="#content">${words.skip}</a>
<header><div><p class="name">${names.name}<span class="service">${words.title}</span></p>${operatorLine(desk, words)}${toggle(desk)}</div></header>
<main id="content">
<div class="top"><h1>${words.title} <small id="gateway" class="quiet"></small></h1><p class="quiet"><time id="at"></time> <span id="workers"></span></p>
<p><a href="/counter/">${words.counter}</a></p><button class="button small" type="button" id="pause" hidden>${words.pause}</button></div>
<noscript><div class="box error"><p>${words.scripts}</p></div></noscript>
<div id="stream" class="box error" role="alert" hidden></div>
<div id="paused" class="box warning" role="status" hidden></div>
<div id="alarms" class="box" role="status" aria-live="polite" hidden></div>
<dl class="tiles">${tile('permitted', words)}${tile('denied', words)}${tile('connections', words)}${tile('dataAge', words)}${tile('inForce', words)}</dl>
<section class="grid charts" aria-label="${words.charts}">${charts.map((name) => chart(name, words))}</section>
<div class="grid lists">${table('refused', words, 'tall')}${table('pushes', words, 'tall')}</div>
<div class="grid">${table('gateways', words)}</div>
<div class="grid small-lists">${(['doors', 'upstreams', 'revocations', 'lists', 'certificates'] as const).map((name) => table(name, words))}</div>
</main></body></html>
`.text
}

function operatorLine({ call, words: counterWords }: Desk, words: LiveWords): Html | false {
  const { operator } = call
  if (operator === undefined) return false
  const roles = operator.roles.map((role) => counterWords.roles[role]).join(counterWords.roleJoin)
  return html`<p class="operator">${words.operator} <strong><bdi>${operator.name}</bdi></strong> (${roles})</p>`
}

function toggle({ language }: Desk): Html {
  const other = language === 'ja' ? 'en' : 'ja'
  return html`<a class="language" href="/live/?lang=${other}" lang="${other}" hreflang="${other}">${liveWords[other].thisLanguage}</a>`
}

function tile(name: 'permitted' | 'denied' | 'connections' | 'dataAge' | 'inForce', words: LiveWords): Html {
  return html`<div><dt>${words[name]}</dt><dd id="tile-${name}">–</dd></div>`
}

function chart(name: (typeof charts)[number], words: LiveWords): Html {
  return html`<figure class="card" id="chart-${name}"><figcaption><h2>${words[name]} <small class="quiet extent">${words.charts}</small></h2></figcaption>
<svg viewBox="0 0 300 100" preserveAspectRatio="none" role="img" aria-label="${words[name]}"></svg>
<div class="axis" aria-hidden="true"><span>${words.from}</span><span class="peak"></span><span>${words.to}</span></div><ul class="legend"></ul></figure>`
}

/** A region that scrolls must be reachable by the keyboard (WCAG 2.1.1). */
function table(name: keyof typeof tables, words: LiveWords, size = ''): Html {
  const heads = tables[name].map(
    (column) => html`<th scope="col"${numbers.has(column) && html` class="number"`}>${words[column]}</th>`,
  )
  return html`<section class="card" aria-labelledby="title-${name}"><h2 id="title-${name}">${words[name]}</h2><div class="scroll ${size}" tabindex="0" role="region" aria-labelledby="title-${name}">
<table id="table-${name}" hidden><thead><tr>${heads}</tr></thead><tbody></tbody></table><p class="empty">${name === 'gateways' ? words.asking : words.none}</p></div><p class="hint" id="note-${name}"></p></section>`
}
