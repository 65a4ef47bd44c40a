import type { Mail, MailResult, MailState, NewMail } from '../../control-path/outbox-port.ts'
import {
  addMailsScript,
  forgetMailsScript,
  leaseMailsScript,
  reviveMailScript,
  settleMailScript,
} from './mail-scripts.ts'
import type { RedisClient, RedisReply } from './redis-client.ts'
import { mailKeys, redisKeys } from './redis-keys.ts'
import { jsonOf, type RedisScript, scriptCall } from './redis-script.ts'
import { listOf, parsed, textOf, textsOf } from './replies.ts'

type ChangeOptions = { readonly logEventsMax: number }
type StoredMail = Pick<NewMail, 'loginId' | 'to' | 'body'>

/** Mails that one run of a script adds, leases or forgets. */
const mailsAtOnce = 500

const lists = { waiting: redisKeys.mailsWaiting, sent: redisKeys.mailsSent, dead: redisKeys.mailsDead } as const

/** Adds those whose id is new; answers for each whether it was. */
export async function addMails(
  client: RedisClient,
  mails: readonly NewMail[],
  options: ChangeOptions,
): Promise<boolean[]> {
  const added: boolean[] = []
  for (let first = 0; first < mails.length; first += mailsAtOnce) {
    const part = mails.slice(first, first + mailsAtOnce).map(({ id, dueMs, loginId, to, body }) => ({
      id,
      dueMs,
      text: jsonOf({ loginId, to, body } satisfies StoredMail),
    }))
    const answers = listOf(await run(client, addMailsScript, { mails: part }, options))
    added.push(...answers.map((answer) => answer === 1))
  }
  return added
}

/** Takes mails that are due, oldest first. */
export async function leaseMails(
  client: RedisClient,
  { nowMs, leaseMs, limit }: { nowMs: number; leaseMs: number; limit: number },
  options: ChangeOptions,
): Promise<Mail[]> {
  const what = { nowMs, untilMs: nowMs + leaseMs, limit: Math.min(limit, mailsAtOnce) }
  const parts = listOf(await run(client, leaseMailsScript, what, options))
  return Array.from({ length: parts.length / 3 }, (_, place) => mailOf(parts.slice(3 * place, 3 * place + 3))).flatMap(
    (mail) => mail ?? [],
  )
}

/** Says what became of a mail; one that is not known, or was sent before, stays as it is. */
export async function settleMail(
  client: RedisClient,
  { id, ...result }: MailResult & { readonly id: string },
  options: ChangeOptions,
): Promise<void> {
  await run(client, settleMailScript, { id, ...result }, options)
}

/** Makes a dead mail due at once. */
export async function reviveMail(client: RedisClient, id: string, options: ChangeOptions): Promise<boolean> {
  return (await run(client, reviveMailScript, { id }, options)) === 1
}

/** Forgets mails that ended before that time (milliseconds since the epoch). Answers how many. */
export async function forgetMails(client: RedisClient, beforeMs: number, options: ChangeOptions): Promise<number> {
  let forgotten = 0
  for (const list of [lists.sent, lists.dead]) {
    for (let count = mailsAtOnce; count === mailsAtOnce; forgotten += count) {
      count = Number(await run(client, forgetMailsScript, { list, beforeMs, limit: mailsAtOnce }, options))
    }
  }
  return forgotten
}

/** Mails of a state, newest first, after the one named. */
export async function readMails(
  client: RedisClient,
  { state, after, limit }: { state: MailState; after?: string; limit: number },
): Promise<Mail[]> {
  const place = after === undefined ? -1 : await client.call(['ZREVRANK', lists[state], after])
  if (place === null || limit <= 0) return []
  const first = Number(place) + 1
  const ids = textsOf(await client.call(['ZREVRANGE', lists[state], first, first + limit - 1]))
  if (ids.length === 0) return []
  const [texts, states] = await client.together([
    ['HMGET', redisKeys.mails, ...ids],
    ['HMGET', redisKeys.mailStates, ...ids],
  ])
  return ids
    .flatMap((id, position) => mailOf([id, listOf(texts)[position] ?? null, listOf(states)[position] ?? null]) ?? [])
    .filter((mail) => mail.state === state)
}

/** How many there are of each state. */
export async function countMails(client: RedisClient): Promise<Record<MailState, number>> {
  const [waiting, sent, dead] = await client.together([
    ['ZCARD', lists.waiting],
    ['ZCARD', lists.sent],
    ['ZCARD', lists.dead],
  ])
  return { waiting: Number(waiting), sent: Number(sent), dead: Number(dead) }
}

async function run(
  client: RedisClient,
  script: RedisScript,
  what: Readonly<Record<string, unknown>>,
  { logEventsMax }: ChangeOptions,
): Promise<RedisReply> {
  const { keys, input } = scriptCall(what, { logEventsMax, keys: mailKeys })
  return await client.run(script, keys, input)
}

/** From its id, its text and its state, as `mail-scripts.ts` writes them; undefined where one is missing. */
function mailOf([id, text, stateText]: readonly RedisReply[]): Mail | undefined {
  const stored = parsed<StoredMail>(textOf(text))
  const [, state, attempts, dueMs, changedMs, lastError = ''] =
    /^([a-z]+):(\d+):(-?\d+):(-?\d+):(.*)$/s.exec(textOf(stateText) ?? '') ?? []
  if (stored === undefined || state === undefined) return undefined
  return {
    id: textOf(id) ?? '',
    ...stored,
    dueMs: Number(dueMs),
    state: state as MailState,
    attempts: Number(attempts),
    lastError,
    changedMs: Number(changedMs),
  }
}
