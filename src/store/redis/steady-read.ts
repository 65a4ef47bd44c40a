import type { RedisClient, RedisCommand, RedisReply } from './redis-client.ts'
import { redisKeys } from './redis-keys.ts'
import { textOf } from './replies.ts'

/** How often it is read again while events come in between; Redis nearly always answers commands that arrive together in one go. */
const roundsMax = 5

/**
 * Reads in one round trip what belongs together: no event came in between, as the state of the log at both ends shows. Not by MULTI:
 * Redis refuses that when its memory is full, and following must go on then. Under a storm of events the last reading is taken.
 */
export async function readSteadily(client: RedisClient, commands: readonly RedisCommand[]): Promise<RedisReply[]> {
  const state: RedisCommand = ['HGET', redisKeys.state, 'token']
  for (let round = 1; ; round++) {
    const [before, ...replies] = await client.together([state, ...commands, state])
    const after = replies.pop()
    if (textOf(before) === textOf(after) || round === roundsMax) return replies
  }
}
