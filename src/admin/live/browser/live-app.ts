import { followStream, type StreamTrouble } from './event-stream.ts'
import { showAlarms } from './live-alarms-view.ts'
import { createFormat } from './live-format.ts'
import { showLists } from './live-lists-view.ts'
import { type Model, type PageData, takeEvent } from './live-model.ts'
import { showNumbers } from './live-numbers-view.ts'
import { setText } from './live-table.ts'

const page = JSON.parse(document.body.dataset.page ?? '{}') as PageData
const { words } = page
const format = createFormat(page)
const { title } = document
const model: Model = { state: undefined, samples: [], refused: [], pushes: [], refusalsLeftOut: 0 }

let isPaused = false
let isScheduled = false
/** What the numbers and lists on the screen are of, by the gateway's clock. */
let drawnAtMs: number | undefined
let firstVersion: string | undefined
let trouble: StreamTrouble | undefined

/** Draws at most once a frame, and not while the page is paused or not to be seen. */
function show(): void {
  if (isScheduled || isPaused) return
  isScheduled = true
  requestAnimationFrame(() => {
    isScheduled = false
    // Pressed since.
    if (isPaused) return
    drawnAtMs = model.state?.atMs
    showNumbers(model, page, format)
    showLists(model, page, format)
    setText('at', momentDrawn())
  })
}

function showTrouble(now: StreamTrouble | undefined): void {
  trouble = now
  const box = document.getElementById('stream')
  if (!box) return
  document.body.classList.toggle('lost', now !== undefined)
  const lost = format.fill(words.lost, { t: momentDrawn() })
  const text = now === 'refused' ? words.refusedView : now === 'full' ? words.tooMany : lost
  box.hidden = now === undefined
  if (now !== undefined) setText('stream', text)
  showMark()
}

/** In the title of the tab, also of one that is not looked at. */
function showMark(): void {
  const alarms = model.state?.alarms ?? []
  const isGrave = alarms.some(({ grave }) => grave)
  const { marks } = words
  const mark = trouble !== undefined ? marks.lost : isGrave ? marks.grave : alarms.length > 0 ? marks.wrong : ''
  const text = `${mark}${title}`
  if (document.title !== text) document.title = text
}

/** After an upgrade what the new program tells is for its own scripts: the page comes anew, unless somebody keeps it as it is. */
function reloadAfterUpgrade(): void {
  const version = model.state?.version
  firstVersion ??= version
  if (version !== firstVersion && !isPaused) location.reload()
}

/** By the gateway's clock: that of the PC may be wrong. */
function momentDrawn(): string {
  return drawnAtMs === undefined ? '–' : format.moment(drawnAtMs, drawnAtMs)
}

function watchPause(): void {
  const button = document.getElementById('pause')
  if (!button) return
  button.hidden = false
  button.addEventListener('click', () => {
    isPaused = !isPaused
    button.textContent = isPaused ? words.goOn : words.pause
    document.body.classList.toggle('paused', isPaused)
    const box = document.getElementById('paused')
    if (box) box.hidden = !isPaused
    setText('paused', isPaused ? format.fill(words.paused, { t: momentDrawn() }) : '')
    show()
  })
}

watchPause()
void followStream({
  address: '/v1/live',
  heard: (event) => {
    takeEvent(model, event)
    reloadAfterUpgrade()
    showTrouble(undefined)
    showAlarms(model.state?.alarms ?? [], words, format)
    show()
  },
  trouble: showTrouble,
})
