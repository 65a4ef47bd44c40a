import { directoryShared } from './directory-scripts.ts'
import { keyPrefixes, redisKeys } from './redis-keys.ts'
import { changeScript } from './redis-script.ts'

const { contracts, users, certificates, revisions, publicKeys, contractIds, usersOf, expiries, sightings } = redisKeys

/**
 * Records a certificate that is about to be signed, and supersedes those it replaces. Answers 0: reserved; 1: what the caller had
 * read is so no more; 2: its public key is known.
 */
export const reserveScript = changeScript(`${directoryShared}
local wanted = input.certificate
local user = read('${users}', wanted.loginId)
if not user or user.contractId ~= input.contractId then return 1 end
if tonumber(redis.call('HGET', '${revisions}', input.contractId) or 0) ~= input.revision then return 1 end
if redis.call('HEXISTS', '${certificates}', input.key) == 1 then return 1 end
local replaced = {}
for _, key in ipairs(input.replaces) do
  local old = read('${certificates}', key)
  -- It was used meanwhile: superseding it would lock its user out.
  if not old or old.loginId ~= wanted.loginId or old.used ~= false then return 1 end
  if negative('superseded:' .. key) ~= 'yes' then replaced[#replaced + 1] = key end
end
if redis.call('HEXISTS', '${publicKeys}', wanted.publicKeyHash) == 1 then return 2 end
tellEntry(input.idJson, input.entry)
addCertificate(input.record)
touch(input.contractId)
for _, key in ipairs(replaced) do supersede(key) end
return 0
`)

/**
 * A certificate was used for the first time: it is no longer pending, and those of its login ID that were recorded before it are
 * superseded. `expected` is its record as the caller has read it, `record` what it is to be, up to its version. Answers {2}: read
 * again; {0, version}; {1, version, those superseded …}. One that is superseded itself stays so, and supersedes nothing.
 */
export const useScript = changeScript(`${directoryShared}
if redis.call('HGET', '${certificates}', input.key) ~= input.expected then return { 2 } end
local own = cjson.decode(input.expected)
local value, since = negative('superseded:' .. input.key)
if value == 'yes' then return { 0, since } end
if own.used ~= false then return { 0, own.version } end
local older = {}
for _, key in ipairs(redis.call('SMEMBERS', '${keyPrefixes.certificatesOf}' .. own.loginId)) do
  local other = key ~= input.key and read('${certificates}', key)
  if other and other.recorded < own.recorded and negative('superseded:' .. key) ~= 'yes' then
    older[#older + 1] = { key = key, recorded = other.recorded }
  end
end
table.sort(older, function(left, right) return left.recorded < right.recorded end)
tellEntry(input.idJson, input.entry)
redis.call('HSET', '${certificates}', input.key, input.record .. ',"version":' .. whole(version) .. '}')
local answer = { 1, 0 }
for _, other in ipairs(older) do
  supersede(other.key)
  answer[#answer + 1] = other.key
end
answer[2] = version
return answer
`)

/** Notes when certificates were seen: `<first>:<last>`. Those that are not recorded are passed over. */
export const sightingScript = changeScript(`
for place, key in ipairs(input.seen) do
  if redis.call('HEXISTS', '${certificates}', key) == 1 then
    local at = input.times[place]
    local first, last = string.match(redis.call('HGET', '${sightings}', key) or '', '^(%d+):(%d+)$')
    local from, to = math.min(tonumber(first) or at, at), math.max(tonumber(last) or at, at)
    redis.call('HSET', '${sightings}', key, whole(from) .. ':' .. whole(to))
  end
end
return 0
`)

/**
 * Adds subjects to the indexes that programs before the one that brought them did not write. Of a record that nobody can read
 * there is an entry too, so that the numbers agree.
 */
export const indexScript = changeScript(`${directoryShared}
for _, subject in ipairs(input.subjects) do
  local value = redis.call('HGET', input.key, subject)
  local readable, record = pcall(cjson.decode, value or '')
  if not readable or type(record) ~= 'table' then record = {} end
  if value and input.key == '${contracts}' then redis.call('ZADD', '${contractIds}', 0, subject) end
  if value and input.key == '${users}' then
    redis.call('ZADD', '${usersOf}', 0, memberOf(record.contractId or '', subject))
  end
  if value and input.key == '${certificates}' then
    redis.call('ZADD', '${expiries}', whole(record.notAfterMs or 0), subject)
    if record.publicKeyHash then redis.call('HSETNX', '${publicKeys}', record.publicKeyHash, subject) end
  end
end
return 0
`)
