import { keyPrefixes, redisKeys } from './redis-keys.ts'
import { changeScript } from './redis-script.ts'

const { contracts, users, certificates, negatives, loginIds, contractIds, usersOf, revisions, publicKeys, expiries } =
  redisKeys

/**
 * What scripts of the directory share. A value of the negatives is `<version>:<value>`. What is refused is kept apart from the
 * records, so that each has the version of its own last event. Records are JSON; the texts `idJson` and `entry…` come as JSON.
 * Members of the users of a contract are `<contract>\0<login ID>`, so that one key holds them all and scripts can name it.
 */
export const directoryShared = `
local function negative(field)
  local value = redis.call('HGET', '${negatives}', field)
  if not value then return nil, 0 end
  return string.match(value, ':(.*)$'), versionOf(value)
end

local function setNegative(field, value, event)
  emit(event)
  redis.call('HSET', '${negatives}', field, whole(version) .. ':' .. value)
end

local function supersede(key)
  setNegative('superseded:' .. key, 'yes', '{"kind":"superseded","key":"' .. key .. '"}')
end

local function tellEntry(loginJson, entry)
  emit('{"kind":"directory"' .. (loginJson and ',"loginId":' .. loginJson or '') .. ',"entry":' .. entry .. '}')
end

local function read(key, field)
  local value = redis.call('HGET', key, field)
  return value and cjson.decode(value)
end

-- Whoever decided from what the contract held before must decide again.
local function touch(contractId)
  redis.call('HSET', '${revisions}', contractId, whole(version))
end

local function touchContractOf(loginId)
  local user = read('${users}', loginId)
  if user then touch(user.contractId) end
end

local function memberOf(contractId, loginId) return contractId .. '\\0' .. loginId end

local function list(key, certificate)
  redis.call('SADD', '${keyPrefixes.certificatesOf}' .. certificate.loginId, key)
  redis.call('ZADD', '${expiries}', whole(certificate.notAfterMs), key)
  if certificate.publicKeyHash then redis.call('HSETNX', '${publicKeys}', certificate.publicKeyHash, key) end
end

-- The certificate of the input, by the event that has just been emitted.
local function addCertificate(record)
  redis.call('HSET', '${certificates}', input.key,
    record .. ',"recorded":' .. whole(version) .. ',"version":' .. whole(version) .. '}')
  list(input.key, input.certificate)
end
`

/** What was left out stays as it was; what is empty is taken away. Texts are all that cjson may write: it keeps those. */
const members = `
local function given(new, before)
  if new == nil then return before end
  return new
end

local function member(name, value)
  if not value or value == '' then return '' end
  return ',"' .. name .. '":' .. cjson.encode(value)
end
`

/** Creates a contract or sets its limit and details. Answers 1 if something changed. */
export const contractScript = changeScript(`${directoryShared}${members}
local function details(name, noticeDays)
  local days = {}
  for place, day in ipairs(noticeDays or {}) do days[place] = whole(day) end
  return member('name', name) .. (#days > 0 and ',"noticeDays":[' .. table.concat(days, ',') .. ']' or '')
end

local before = read('${contracts}', input.contractId)
local about = before and details(before.name, before.noticeDays)
local wanted = before and details(given(input.name, before.name), given(input.noticeDays, before.noticeDays))
  or details(input.name, input.noticeDays)
if before and before.certificateLimit == input.certificateLimit and about == wanted then return 0 end
local method = negative('login_method:' .. input.contractId) or 'certificate'
local startsWithPassword = not before and input.loginMethod == 'password' and method ~= 'password'
if startsWithPassword then method = 'password' end
local limit = '"certificateLimit":' .. whole(input.certificateLimit) .. wanted
tellEntry(nil, '{"type":"contract","contract":{"contractId":' .. input.idJson .. ',"loginMethod":"' .. method
  .. '",' .. limit .. '}}')
redis.call('HSET', '${contracts}', input.contractId, '{' .. limit .. ',"version":' .. whole(version) .. '}')
redis.call('ZADD', '${contractIds}', 0, input.contractId)
if startsWithPassword then setNegative('login_method:' .. input.contractId, 'password', input.methodEvent) end
return 1
`)

/** Creates a user or sets contract, role and details. Answers 2 if there is no such contract. */
export const userScript = changeScript(`${directoryShared}${members}
local function details(of, new)
  local old, set = of.credentials or {}, new.credentials or {}
  local secrets = member('login', given(set.login, old.login))
    .. member('confirmation', given(set.confirmation, old.confirmation))
  return member('name', given(new.name, of.name)) .. member('email', given(new.email, of.email))
    .. member('language', given(new.language, of.language))
    .. (secrets ~= '' and ',"credentials":{' .. string.sub(secrets, 2) .. '}' or '')
end

if redis.call('HEXISTS', '${contracts}', input.contractId) == 0 then return 2 end
local before = read('${users}', input.loginId)
local wanted = details(before or {}, input.details)
if before and before.contractId == input.contractId and before.role == input.role and details(before, {}) == wanted then
  return 0
end
local state = negative('suspended:' .. input.loginId) == 'yes' and 'suspended' or 'active'
tellEntry(input.idJson, input.entryHead .. ',"state":"' .. state .. '"' .. wanted .. '}}')
redis.call('HSET', '${users}', input.loginId, input.record .. wanted .. ',"version":' .. whole(version) .. '}')
redis.call('ZADD', '${loginIds}', 0, input.loginId)
if before and before.contractId ~= input.contractId then
  redis.call('ZREM', '${usersOf}', memberOf(before.contractId, input.loginId))
  touch(input.contractId)
end
redis.call('ZADD', '${usersOf}', 0, memberOf(input.contractId, input.loginId))
return 1
`)

/** Records a certificate. Answers 0: known; 1: recorded; 2: no such login ID; 3: it is another's. */
export const certificateScript = changeScript(`${directoryShared}${members}
local user = read('${users}', input.certificate.loginId)
if not user then return 2 end
local before = read('${certificates}', input.key)
if before then return before.loginId == input.certificate.loginId and 0 or 3 end
-- A public key names one certificate: the first.
local hash = input.certificate.publicKeyHash
if hash and redis.call('HEXISTS', '${publicKeys}', hash) == 1 then input.certificate.publicKeyHash = nil end
local publicKey = member('publicKeyHash', input.certificate.publicKeyHash)
tellEntry(input.idJson, input.entryHead .. publicKey .. '},"used":true,"superseded":false}')
addCertificate(input.record .. publicKey .. ',"used":true')
touch(user.contractId)
return 1
`)

/**
 * Sets what is refused: `field` of the negatives to `value`, where `unset` is what a missing one means, for a subject that must
 * stand in `subjectKey`. Answers {2, 0}: it does not; {0, version}; {1, version}.
 */
export const negativeScript = changeScript(`${directoryShared}
if redis.call('HEXISTS', input.subjectKey, input.subject) == 0 then return { 2, 0 } end
local value, since = negative(input.field)
if (value or input.unset) == input.value then return { 0, since } end
setNegative(input.field, input.value, input.event)
return { 1, version }
`)

/** Writes directory records that are missing or older; each gets a new version. Answers how many. */
export const directoryAgainScript = changeScript(`${directoryShared}
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
    if lost.subjectKey == '${contracts}' then redis.call('ZADD', '${contractIds}', 0, lost.subject) end
    if lost.subjectKey == '${users}' then
      redis.call('ZADD', '${loginIds}', 0, lost.subject)
      if before and before.contractId ~= lost.contractId then
        redis.call('ZREM', '${usersOf}', memberOf(before.contractId, lost.subject))
      end
      redis.call('ZADD', '${usersOf}', 0, memberOf(lost.contractId, lost.subject))
      touch(lost.contractId)
    end
    if lost.certificate then
      list(lost.subject, lost.certificate)
      touchContractOf(lost.certificate.loginId)
    end
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
