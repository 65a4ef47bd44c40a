import type { RedisReply } from './redis-client.ts'

/** A reply that is a list; an empty one where there is nothing. */
export function listOf(reply: RedisReply | undefined): readonly RedisReply[] {
  return Array.isArray(reply) ? reply : []
}

/** A reply that is a text; undefined where there is nothing. */
export function textOf(reply: RedisReply | undefined): string | undefined {
  return typeof reply === 'string' ? reply : typeof reply === 'number' ? String(reply) : undefined
}

/** A list of texts; what is no text becomes ''. */
export function textsOf(reply: RedisReply | undefined): string[] {
  return listOf(reply).map((one) => textOf(one) ?? '')
}

/** Fields and values that take turns in a list, as hashes and stream entries have them. */
export function fieldsOf(reply: RedisReply | undefined): Map<string, string> {
  const texts = textsOf(reply)
  const fields = new Map<string, string>()
  for (let position = 0; position + 1 < texts.length; position += 2) {
    fields.set(texts[position] ?? '', texts[position + 1] ?? '')
  }
  return fields
}

/** The answer of TIME. Unit: milliseconds since the epoch. */
export function timeOf(reply: RedisReply | undefined): number {
  const [seconds, microseconds] = listOf(reply).map(Number)
  return (seconds ?? 0) * 1_000 + Math.floor((microseconds ?? 0) / 1_000)
}

export type StreamEntry = {
  readonly id: string
  /** The first part of its id. */
  readonly version: number
  readonly fields: ReadonlyMap<string, string>
}

/** The answer of XRANGE and XREVRANGE. */
export function entriesOf(reply: RedisReply | undefined): StreamEntry[] {
  return listOf(reply).map((entry) => {
    const [idReply, fields] = listOf(entry)
    const id = textOf(idReply) ?? '0-0'
    return { id, version: Number.parseInt(id, 10), fields: fieldsOf(fields) }
  })
}

/** JSON that this store has written; undefined where somebody else has. */
export function parsed<T>(text: string | undefined): T | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as T)
  } catch {
    return undefined
  }
}
