import { type Command, InvalidArgumentError } from 'commander'
import type { AdminClient } from './admin-client.ts'

const pageMax = 1_000
const countMax = 1_000_000

/** Adds `--limit`. */
export function limitOption(command: Command): Command {
  return command.option('--limit <count>', 'how many at most', readCount, 100)
}

/** Asks for page after page until there are `limit` entries or no more. `path`: without its query. */
export async function pageThrough<Page extends { readonly nextCursor?: string | undefined }, Entry>(
  client: AdminClient,
  {
    path,
    query,
    limit,
    entriesOf,
  }: {
    readonly path: string
    readonly query: Readonly<Record<string, string | undefined>>
    readonly limit: number
    entriesOf(page: Page): readonly Entry[]
  },
): Promise<{ readonly entries: readonly Entry[]; readonly more: boolean }> {
  const entries: Entry[] = []
  let cursor: string | undefined
  do {
    const asked = new URLSearchParams({ limit: String(Math.min(pageMax, limit - entries.length)) })
    for (const [name, value] of Object.entries({ ...query, cursor })) if (value !== undefined) asked.set(name, value)
    const page = await client.call<Page>({ method: 'GET', path: `${path}?${asked}` })
    entries.push(...entriesOf(page))
    cursor = page.nextCursor
  } while (cursor !== undefined && entries.length < limit)
  return { entries, more: cursor !== undefined }
}

/** The sentence below a list that was cut short. */
export function moreHint(more: boolean): string {
  return more ? 'There are more: raise --limit.\n' : ''
}

function readCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= countMax) return count
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${countMax}.`)
}
