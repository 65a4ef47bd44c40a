import type { Page } from './ports.ts'

/** Paths below this prefix are the gateway's own on every door; they never reach the application. */
export const ownPrefix = '/.sekisho/'

/** Answers of the gateway's own, by path, on one door. */
export class OwnPages {
  readonly #pages = new Map<string, () => Page>()

  /** `path` includes the prefix. */
  set(path: string, page: () => Page): void {
    this.#pages.set(path, page)
  }

  /** Undefined: no page of these. */
  find(target: string): (() => Page) | undefined {
    if (!target.startsWith(ownPrefix)) return undefined
    const query = target.indexOf('?')
    return this.#pages.get(query < 0 ? target : target.slice(0, query))
  }
}
