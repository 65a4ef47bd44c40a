import { type HistoryEntry, type HistorySubject, readHistory } from '../../lifecycle/history.ts'
import { type Html, html } from '../../portal/html.ts'
import { fill } from '../../portal/portal-words.ts'
import { actWords } from './act-words.ts'
import type { Desk } from './desk.ts'
import { historyWords } from './history-words.ts'

const entriesMax = 100

/** What happened to a user or a contract, newest first, as a section of a page. */
export async function historySection(desk: Desk, subject: HistorySubject): Promise<Html> {
  const { words } = desk
  const entries = await readHistory(subject, entriesMax, desk.services.lifecycle)
  const list =
    entries.length === 0
      ? html`<p>${words.noHistory}</p>`
      : html`<ol class="history">${entries.map((entry) => listItem(desk, entry))}</ol><p class="hint">${fill(words.historyNote, { max: entriesMax })}</p>`
  return html`<section class="card" aria-labelledby="history"><h2 id="history">${words.history}</h2>${list}</section>`
}

function listItem(desk: Desk, { atMs, what, who, requestId, detail }: HistoryEntry): Html {
  const { words } = desk
  const details = Object.entries(detail).map(([name, value]) => `${labelOf(desk, name)} ${textOf(desk, name, value)}`)
  return html`<li><time datetime="${new Date(atMs).toISOString()}">${desk.moment(atMs)}</time><div><p><strong>${historyWords[desk.language].events[what]}</strong> <bdi>${who === '' ? words.byGateway : who}</bdi></p>
${details.length > 0 && html`<p class="quiet"><bdi>${details.join(' / ')}</bdi></p>`}${requestId !== '' && html`<p class="quiet code">${requestId}</p>`}</div></li>`
}

function labelOf({ language }: Desk, name: string): string {
  return ownText(historyWords[language].details, name) ?? name
}

function textOf({ language }: Desk, name: string, value: string | number | boolean): string {
  const text = String(value)
  // What operators wrote themselves is never taken for a word of ours.
  if (name === 'comment' || name === 'form' || name === 'serial') return text
  if (name === 'reason') return ownText(actWords[language].kinds, text) ?? text
  return ownText(historyWords[language].values, text) ?? text
}

function ownText(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}
