/** What stands in one cell: a text, or an element that was made for it. */
export type Cell = string | number | Node | { readonly text: string; readonly style: string }

export type Row = {
  readonly cells: readonly Cell[]
  /** `bad`, `odd`, or nothing. */
  readonly look?: string | undefined
}

/** What every table showed last, so that what stays the same is not touched: a reader's place in it, and a selection, stay. */
const shown = new Map<string, string>()

/** Fills a table, or says that it is empty. `hiddenColumns`: not for this operator. */
export function fillTable(name: string, rows: readonly Row[], hiddenColumns: ReadonlySet<number> = new Set()): void {
  const table = document.getElementById(`table-${name}`)
  if (!table) return
  const print = JSON.stringify(rows, (_, value: unknown) => (value instanceof Node ? value.textContent : value))
  if (shown.get(name) === print) return
  shown.set(name, print)
  const heads = [...table.querySelectorAll('th')]
  for (const [at, head] of heads.entries()) head.hidden = hiddenColumns.has(at)
  const isNumber = heads.map((head) => head.className === 'number')
  const lines = rows.map(({ cells, look = '' }) => {
    const line = document.createElement('tr')
    line.className = look
    for (const [at, cell] of cells.entries()) {
      if (!hiddenColumns.has(at)) line.append(fillCell(cell, isNumber[at] === true))
    }
    return line
  })
  table.querySelector('tbody')?.replaceChildren(...lines)
  table.hidden = rows.length === 0
  const empty = table.nextElementSibling
  if (empty instanceof HTMLElement) empty.hidden = rows.length > 0
}

function fillCell(cell: Cell, isNumber: boolean): HTMLElement {
  const element = document.createElement('td')
  if (isNumber) element.className = 'number'
  if (typeof cell === 'number') element.textContent = cell.toLocaleString()
  else if (typeof cell === 'string' || cell instanceof Node) element.append(cell)
  else {
    element.textContent = cell.text
    element.className = cell.style
  }
  return element
}

/** A word in a frame; `style` colours it. */
export function badge(text: string, style: string): HTMLElement {
  const element = document.createElement('span')
  element.className = `state ${style}`
  element.textContent = text
  return element
}

/** A way to another page of this door. */
export function link(text: string, address: string): HTMLElement {
  const element = document.createElement('a')
  element.href = address
  element.className = 'code'
  element.textContent = text
  return element
}

/** What stands below a table. */
export function showNote(name: string, text: string): void {
  setText(`note-${name}`, text)
}

/** Touched only when it has changed. */
export function setText(id: string, text: string): void {
  const element = document.getElementById(id)
  if (element && element.textContent !== text) element.textContent = text
}
