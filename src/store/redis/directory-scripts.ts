import { keyPrefixes, redisKeys } from './redis-keys.ts'
import { changeScript } from './redis-script.ts'

const { contracts, users, certificates, negatives, loginIds } = redisKeys

/**
 * A value of the negatives is `<version>:<value>`. What is refused is kept apart from the records, so that each has the version
 * of its own last event. Records are JSON; the texts `idJson` and `entry…` come as JSON.
 */
const shared = `
local function negative(field)
  local value = redis.call('HGET', '${negatives}', field)
  if not value then return nil, 0 end
  return string.match(value, ':(.*)$'), versionOf(value)
end

local function setNegative(field, value, event)
  emit(event)
  redis.call('HSET', '${negatives}', field, whole(version) .. ':' .. value)
end

local function tellEntry(loginJson, entry)
  emit('{"kind":"directory"' .. (loginJson and ',"loginId":' .. loginJson or '') .. ',"entry":' .. entry .. '}')
end

local function read(key, field)
  local value = redis.call('HGET', key, field)
  return value and cjson.decode(value)
end
`

/** Creates a contract or sets its limit. Answers 1 if something changed. */
export const contractScript = changeScript(`${shared}
local before = read('${contracts}', input.contractId)
if before and before.certificateLimit == input.certificateLimit then return 0 end
local method = negative('login_method:' .. input.contractId) or 'certificate'
local startsWithPassword = not before and input.loginMethod == 'password' and method ~= 'password'
if startsWithPassword then method = 'password' end
tellEntry(nil, '{"type":"contract","contract":{"contractId":' .. input.idJson .. ',"loginMethod":"' .. method
  .. '","certificateLimit":' .. whole(input.certificateLimit) .. '}}')
redis.call('HSET', '${contracts}', input.contractId,
  '{"certificateLimit":' .. whole(input.certificateLimit) .. ',"version":' .. whole(version) .. '}')
if startsWithPassword then setNegative('login_method:' .. input.contractId, 'password', input.methodEvent) end
return 1
`)

/** Creates a user or sets contract and role. Answers 2 if there is no such contract. */
export const userScript = changeScript(`${shared}
if redis.call('HEXISTS', '${contracts}', input.contractId) == 0 then return 2 end
local before = read('${users}', input.loginId)
if before and before.contractId == input.contractId and before.role == input.role then return 0 end
local state = negative('suspended:' .. input.loginId) == 'yes' and 'suspended' or 'active'
tellEntry(input.idJson, input.entryHead .. ',"state":"' .. state .. '"}}')
redis.call('HSET', '${users}', input.loginId, input.record .. ',"version":' .. whole(version) .. '}')
redis.call('ZADD', '${loginIds}', 0, input.loginId)
return 1
`)

/** Records a certificate. Answers 0: known; 1: recorded; 2: no such login ID; 3: it is another's. */
export const certificateScript = changeScript(`${shared}
if redis.call('HEXISTS', '${users}', input.loginId) == 0 then return 2 end
local before = read('${certificates}', input.key)
if before then return before.loginId == input.loginId and 0 or 3 end
tellEntry(input.idJson, input.entry)
redis.call('HSET', '${certificates}', input.key,
  input.record .. ',"recorded":' .. whole(version) .. ',"version":' .. whole(version) .. '}')
redis.call('SADD', '${keyPrefixes.certificatesOf}' .. input.loginId, input.key)
return 1
`)

/**
 * Sets what is refused: `field` of the negatives to `value`, where `unset` is what a missing one means, for a subject that must
 * stand in `subjectKey`. Answers {2, 0}: it does not; {0, version}; {1, version}.
 */
export const negativeScript = changeScript(`${shared}
if redis.call('HEXISTS', input.subjectKey, input.subject) == 0 then return { 2, 0 } end
local value, since = negative(input.field)
if (value or input.unset) == input.value then return { 0, since } end
setNegative(input.field, input.value, input.event)
return { 1, version }
`)

/** Writes directory records that are missing or older; each gets a new version. Answers how many. */
export const directoryAgainScript = changeScript(`${shared}
raise(input.above)
local written = 0
for _, lost in ipairs(input.records) do
  local before = read(lost.subjectKey, lost.subject)
  local value, since = negative(lost.field)
  local current = math.max(before and before.version or 0, since)
  if not before or current < lost.version then
    written = written + 1
    tellEntry(lost.loginJson, lost.entry)
    local recorded = lost.recorded and ',"recorded":' .. whole(lost.recorded) or ''
    redis.call('HSET', lost.subjectKey, lost.subject, lost.record .. recorded .. ',"version":' .. whole(version) .. '}')
    if lost.subjectKey == '${users}' then redis.call('ZADD', '${loginIds}', 0, lost.subject) end
    if lost.siblings then redis.call('SADD', lost.siblings, lost.subject) end
    -- A newer refusal stands, whatever the lost record says.
    if (value or lost.unset) ~= lost.value and since < lost.version then setNegative(lost.field, lost.value, lost.event) end
  end
end
return written
`)

/** Writes a shared value if its revision is the expected one (0: never written). Answers 1 if so. */
export const metaScript = changeScript(`
local before = redis.call('HGET', '${redisKeys.meta}', input.name)
local revision = versionOf(before)
if revision ~= input.expectedRevision then return 0 end
redis.call('HSET', '${redisKeys.meta}', input.name, whole(revision + 1) .. ':' .. input.value)
return 1
`)
