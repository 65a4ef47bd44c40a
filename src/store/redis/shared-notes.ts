import { historyEntriesMax } from '../../control-path/shared-notes-port.ts'
import type { RedisClient } from './redis-client.ts'
import { countKey, historyOfKey, noteKey } from './redis-keys.ts'
import { changeScript, scriptCall } from './redis-script.ts'
import { textOf, textsOf } from './replies.ts'

/** Adds one to a count, which ends so long after its first step. Answers it. */
const countScript = changeScript(`
local count = redis.call('INCR', input.key)
if count == 1 then redis.call('PEXPIRE', input.key, whole(input.lifeMs)) end
return count
`)

/** What PTTL answers for a key that is not there. */
const goneMs = -2

/** Keeps a value for so long. */
export async function keepNote(
  client: RedisClient,
  name: string,
  { value, lifeMs }: { value: string; lifeMs: number },
): Promise<void> {
  await client.call(['SET', noteKey(name), value, 'PX', wholeLifeMs(lifeMs)], { writes: true })
}

/** The value; undefined where there is none (any more). */
export async function readNote(client: RedisClient, name: string): Promise<string | undefined> {
  return textOf(await client.call(['GET', noteKey(name)]))
}

/** Reads and removes in one step. */
export async function takeNote(client: RedisClient, name: string): Promise<string | undefined> {
  return textOf(await client.call(['GETDEL', noteKey(name)], { writes: true }))
}

/** Removes a value, or a count. */
export async function forgetNote(client: RedisClient, name: string): Promise<void> {
  await client.call(['DEL', noteKey(name), countKey(name)], { writes: true })
}

/** Adds one to a count and answers it. */
export async function countNote(
  client: RedisClient,
  name: string,
  { lifeMs, logEventsMax }: { lifeMs: number; logEventsMax: number },
): Promise<number> {
  const key = countKey(name)
  const what = { key, lifeMs: wholeLifeMs(lifeMs) }
  const { keys, input } = scriptCall(what, { logEventsMax, keys: [{ name: key, type: 'string' }] })
  return Number(await client.run(countScript, keys, input))
}

/** The count now, and how long it still lives (milliseconds). */
export async function readCount(client: RedisClient, name: string): Promise<{ count: number; lifeMs: number }> {
  const [count, life] = await client.together([
    ['GET', countKey(name)],
    ['PTTL', countKey(name)],
  ])
  const lifeMs = Number(life)
  // It may have ended in between. One that lives for less than a millisecond still counts.
  return lifeMs === goneMs
    ? { count: 0, lifeMs: 0 }
    : { count: Number(textOf(count) ?? 0), lifeMs: Math.max(0, lifeMs) }
}

/** Adds an entry to the history of a subject. */
export async function addHistory(client: RedisClient, subject: string, entry: string): Promise<void> {
  const key = historyOfKey(subject)
  const commands = [
    ['LPUSH', key, entry.toWellFormed()],
    ['LTRIM', key, 0, historyEntriesMax - 1],
  ] as const
  await client.together(commands, { writes: true })
}

/** Newest first. */
export async function readHistory(client: RedisClient, subject: string, limit: number): Promise<string[]> {
  return limit <= 0 ? [] : textsOf(await client.call(['LRANGE', historyOfKey(subject), 0, limit - 1]))
}

/** Redis refuses a life of nothing. */
function wholeLifeMs(lifeMs: number): number {
  return Math.max(1, Math.ceil(lifeMs))
}
