import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { type BoardPicture, drawBoards } from '../../scripts/board-pictures.ts'
import { startPrometheusServer } from '../helpers/prometheus-server.ts'
import { BoardTraffic } from './board-traffic.ts'
import { startBoardWorld } from './board-world.ts'
import { ruleTexts } from './rule-files.ts'

export type RunOptions = {
  readonly seconds: number
  /** Gets a page and a picture of it for each board. */
  readonly folder: string
  readonly tell: (line: string) => void
}

/** From the begin of one turn to that of the next: modest, as the machine may have other work. Unit: milliseconds. */
const turnMs = 400
const chromiumPath = '/usr/bin/chromium'

/**
 * Two gateways under logins of every fate for so long, a push after half of it and an application that breaks off after two thirds; then
 * the boards as pages and as PNG files. Everything it starts has ended when it resolves or rejects.
 */
export async function runBoards({ seconds, folder, tell }: RunOptions): Promise<BoardPicture[]> {
  const world = await startBoardWorld()
  try {
    const prometheus = await startPrometheusServer({ targets: world.targets, rules: ruleTexts() })
    try {
      const startSeconds = Math.floor(Date.now() / 1_000)
      const traffic = new BoardTraffic(world)
      try {
        tell(`logins for ${seconds} s, seen by ${prometheus.url}`)
        await makeTraffic(traffic, seconds, tell)
      } finally {
        traffic.end()
      }
      const endSeconds = Math.floor(Date.now() / 1_000)
      const span = { startSeconds, endSeconds, rateInterval: '15s' }
      const pictures = await drawBoards({ url: prometheus.url, folder, ...span })
      await photograph(pictures)
      return pictures
    } finally {
      await prometheus.stop()
    }
  } finally {
    await world.stop()
  }
}

async function makeTraffic(traffic: BoardTraffic, seconds: number, tell: (line: string) => void): Promise<void> {
  const started = performance.now()
  const passed = () => (performance.now() - started) / 1_000
  const events = [
    { at: 0, name: 'connections that stay', act: () => traffic.hold(8) },
    { at: 0.5, name: 'a push', act: () => traffic.push(4) },
    { at: 0.66, name: 'the application breaks off', act: () => traffic.breakOff(3) },
  ]
  while (passed() < seconds) {
    if (passed() >= seconds * (events[0]?.at ?? 1)) {
      const event = events.shift()
      tell(`${passed().toFixed(0)} s: ${event?.name}`)
      await event?.act()
    }
    const turnStarted = performance.now()
    await traffic.turn()
    const restMs = turnMs - (performance.now() - turnStarted)
    if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs))
  }
}

/** A PNG beside each page. */
async function photograph(pictures: readonly BoardPicture[]): Promise<void> {
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-sync', '--no-first-run'],
  })
  try {
    const page = await browser.newPage({ viewport: { width: 1_480, height: 900 } })
    for (const { file } of pictures) {
      await page.goto(pathToFileURL(file).href)
      await page.screenshot({ path: pngOf(file), fullPage: true })
    }
  } finally {
    await browser.close()
  }
}

/** Where the picture of a page lies. */
export const pngOf = (file: string) => file.replace(/\.html$/, '.png')
