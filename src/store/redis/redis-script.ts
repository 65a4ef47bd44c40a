import { hash, randomBytes } from 'node:crypto'
import { newerSchemaWord } from './redis-errors.ts'
import { redisKeys, schemaVersion, singleKeys, type TypedKey } from './redis-keys.ts'

/** A Lua script and the name under which Redis remembers it. */
export type RedisScript = { readonly text: string; readonly sha: string }

/** What a script is given. */
export type ScriptCall = { readonly keys: readonly string[]; readonly input: string }

/**
 * What every change script begins with. Redis undoes nothing when a script fails in the middle, so whatever can be refused is
 * refused here, before the first change. `emit` gives the next version to an event; `raise` lets versions go on above one.
 *
 * ARGV[1] is JSON. Texts that go into JSON of the store come as JSON already: cjson would change numbers and empty lists.
 */
const prelude = `
local input = cjson.decode(ARGV[1])
for position, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= input.types[position] then
    return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found .. ', not a ' .. input.types[position])
  end
end
local state = redis.call('HMGET', '${redisKeys.state}', 'schema', 'version', 'epoch', 'token')
if state[1] and tonumber(state[1]) > ${schemaVersion} then
  return redis.error_reply('${newerSchemaWord} ' .. state[1])
end
local now = redis.call('TIME')
local nowMs = now[1] .. string.format('%03d', math.floor(tonumber(now[2]) / 1000))
local function whole(number) return string.format('%.0f', number) end
local epoch = state[3] or input.epoch
local token = state[4] or ''
local version = tonumber(state[2])
if not version then
  -- The state was deleted by hand while the log still stands: versions go on where it ends.
  local last = redis.call('XREVRANGE', '${redisKeys.log}', '+', '-', 'COUNT', 1)[1]
  version = last and tonumber(string.match(last[1], '^%d+')) or 0
  if last then
    for field = 1, #last[2], 2 do
      if last[2][field] == 't' then token = last[2][field + 1] end
    end
  end
end

local function keep(...)
  redis.call('HSET', '${redisKeys.state}', 'schema', ${schemaVersion}, 'epoch', epoch, 'version', whole(version), ...)
end

local function raise(above)
  if above > version then
    version = above
    keep()
  end
end

local events = 0
local function add(body)
  return redis.pcall('XADD', '${redisKeys.log}', 'MAXLEN', '=', input.logMax, whole(version) .. '-0',
    'v', ${schemaVersion}, 't', epoch .. input.random .. events, 'p', token, 'e', body)
end

local function emit(body)
  events = events + 1
  version = version + 1
  local added = add(body)
  if added.err then
    -- Somebody has written to the log by hand, and its ids only rise.
    local about = redis.call('XINFO', 'STREAM', '${redisKeys.log}')
    for field = 1, #about, 2 do
      if about[field] == 'last-generated-id' then
        version = math.max(version, tonumber(string.match(about[field + 1], '^%d+')) + 1)
      end
    end
    added = add(body)
    if added.err then error(added.err) end
  end
  token = epoch .. input.random .. events
  keep('last', whole(version), 'token', token)
  redis.call('XADD', '${redisKeys.news}', 'MAXLEN', '=', 1, '*', 'v', whole(version))
  return version
end

-- The version that stands before the colon of a value of the negatives.
local function versionOf(value)
  return value and tonumber(string.match(value, '^%d+')) or 0
end
`

/** A script of the family. Its body returns the answer. */
export function changeScript(body: string): RedisScript {
  const text = prelude + body
  return { text, sha: hash('sha1', text, 'hex') }
}

/** What a script is called with: the keys it may touch, and what it is to do. */
export function scriptCall(
  what: Readonly<Record<string, unknown>>,
  { logEventsMax, keys = [] }: { logEventsMax: number; keys?: readonly TypedKey[] },
): ScriptCall {
  const all = [...singleKeys, ...keys]
  const input = {
    ...what,
    types: all.map(({ type }) => type),
    logMax: logEventsMax,
    epoch: randomBytes(4).toString('hex'),
    random: `.${randomBytes(6).toString('hex')}.`,
  }
  return { keys: all.map(({ name }) => name), input: jsonOf(input) }
}

/** JSON that Lua can read: it refuses halves of surrogate pairs. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === 'string' ? part.toWellFormed() : part))
}
