import { keyPrefixes, redisKeys } from './redis-keys.ts'
import { changeScript } from './redis-script.ts'

const { tombstones, certificates, revocationsOf, issuers, users, revisions } = redisKeys

/** Arguments of one command that Lua can unpack at once. */
const chunkSize = 1_000

/** Spellings of a serial number besides the normal one; as `serialSpellings` has them. */
const shared = `
local function otherSpellings(serial)
  local padded = #serial % 2 == 1 and '0' .. serial or serial
  local colons = string.gsub(padded, '(..)', '%1:', #padded / 2 - 1)
  local found, seen = {}, { [serial] = true }
  for _, text in ipairs({ padded, colons, string.upper(serial), string.upper(padded), string.upper(colons) }) do
    if not seen[text] then
      seen[text] = true
      found[#found + 1] = text
    end
  end
  return found
end

local function stands(issuer, serial)
  local set = '${keyPrefixes.revoked}' .. issuer
  for _, found in ipairs(redis.call('SMISMEMBER', set, serial, unpack(otherSpellings(serial)))) do
    if found == 1 then return true end
  end
  return false
end

-- One member for each certificate, or the numbers would never agree.
local function takeOthers(issuer, serials)
  for _, serial in ipairs(serials) do
    local others = otherSpellings(serial)
    if #others > 0 then redis.call('SREM', '${keyPrefixes.revoked}' .. issuer, unpack(others)) end
  end
end

-- Values of many fields; false where there is none.
local function readAll(key, fields)
  local values = {}
  for first = 1, #fields, ${chunkSize} do
    local part = redis.call('HMGET', key, unpack(fields, first, math.min(first + ${chunkSize - 1}, #fields)))
    for _, value in ipairs(part) do values[#values + 1] = value end
  end
  return values
end

local function callAll(command, key, rest)
  for first = 1, #rest, ${chunkSize} do
    redis.call(command, key, unpack(rest, first, math.min(first + ${chunkSize - 1}, #rest)))
  end
end
`

/**
 * Revokes those of the certificates that are not revoked yet, by one event. Input, a list each with one place a certificate:
 * `issuers` (place in `issuerIds`, from 1), `serials`, `loginIds` (false: as recorded), `details` (place in `detailList`); for
 * `again` also `lostVersions`. `how`: `publish`; `again`, where a newer tombstone wins; `adopt`, only those that stand in a set.
 * Answers for each certificate: 2 * version, plus 1 if it was revoked now; 0 if it was left as it is.
 *
 * The sets come first: what stands there alone is found and adopted, whatever else is missing.
 */
export const revokeScript = changeScript(`${shared}
if input.above then raise(input.above) end
local count = #input.serials
local keys, places = {}, {}
for place = 1, count do
  local issuer = input.issuerIds[input.issuers[place]]
  keys[place] = issuer .. ':' .. input.serials[place]
  places[issuer] = places[issuer] or {}
  table.insert(places[issuer], place)
end

local recorded, strays = {}, {}
for issuer, ofIssuer in pairs(places) do
  local serials = {}
  for _, place in ipairs(ofIssuer) do serials[#serials + 1] = input.serials[place] end
  local versions = readAll('${keyPrefixes.records}' .. issuer, serials)
  for position, place in ipairs(ofIssuer) do recorded[place] = versions[position] end
  strays[issuer] = redis.call('SCARD', '${keyPrefixes.revoked}' .. issuer)
    ~= redis.call('HLEN', '${keyPrefixes.records}' .. issuer)
end

local buried = {}
if input.how == 'again' and redis.call('HLEN', '${tombstones}') > 0 then
  for place, value in ipairs(readAll('${tombstones}', keys)) do
    local tombstone = value and cjson.decode(value)
    buried[place] = tombstone and tombstone.version or 0
    if tombstone and tombstone.loginId then input.loginIds[place] = tombstone.loginId end
  end
end

local answer, new, fresh, back = {}, {}, {}, {}
for place = 1, count do
  local issuer = input.issuerIds[input.issuers[place]]
  local serial = input.serials[place]
  answer[place] = 0
  if recorded[place] then
    answer[place] = 2 * tonumber(recorded[place])
    -- It may have been taken out of the set, or stand there in another spelling only.
    back[issuer] = back[issuer] or {}
    table.insert(back[issuer], serial)
  elseif fresh[keys[place]] then
    answer[place] = -fresh[keys[place]]
  elseif input.how == 'publish' or (input.how == 'again' and (buried[place] or 0) <= input.lostVersions[place])
    or (input.how == 'adopt' and stands(issuer, serial)) then
    new[#new + 1] = place
    fresh[keys[place]] = place
  end
end

for issuer, serials in pairs(back) do
  callAll('SADD', '${keyPrefixes.revoked}' .. issuer, serials)
  if strays[issuer] then takeOthers(issuer, serials) end
end
if #new == 0 then return answer end

local newOf, order = {}, {}
for position, place in ipairs(new) do
  local issuer = input.issuerIds[input.issuers[place]]
  if not newOf[issuer] then
    newOf[issuer] = { serials = {}, positions = {}, details = {}, loginIds = {}, lost = {} }
    order[#order + 1] = issuer
  end
  local of = newOf[issuer]
  table.insert(of.serials, input.serials[place])
  table.insert(of.positions, position - 1)
  table.insert(of.details, input.details[place] - 1)
  table.insert(of.loginIds, input.loginIds[place] or '')
  if input.lostVersions then table.insert(of.lost, whole(input.lostVersions[place])) end
end

local named = {}
for _, issuer in ipairs(order) do
  local of = newOf[issuer]
  local set = '${keyPrefixes.revoked}' .. issuer
  redis.call('SADD', '${issuers}', issuer)
  callAll('SADD', set, of.serials)
  if strays[issuer] or input.how == 'adopt' then takeOthers(issuer, of.serials) end
  table.insert(named, '"' .. issuer .. '":"' .. table.concat(of.serials, ',') .. '"')
end
emit('{"kind":"revoked","atMs":' .. nowMs .. ',"serials":{' .. table.concat(named, ',') .. '}}')
local id = whole(version)

local directory = redis.call('HLEN', '${certificates}') > 0
local versionsOf, logins = {}, {}
for _, issuer in ipairs(order) do
  local of = newOf[issuer]
  if directory then
    local fields = {}
    for position, serial in ipairs(of.serials) do fields[position] = issuer .. ':' .. serial end
    for position, value in ipairs(readAll('${certificates}', fields)) do
      if value and of.loginIds[position] == '' then of.loginIds[position] = cjson.decode(value).loginId end
    end
  end
  local someLogin = false
  for _, loginId in ipairs(of.loginIds) do
    if loginId ~= '' then
      someLogin = true
      if not versionsOf[loginId] then
        versionsOf[loginId] = true
        logins[#logins + 1] = loginId
      end
    end
  end
  local entry = { 's', table.concat(of.serials, ','), 'a', input.actor, 'm', nowMs, 'd', input.detailList }
  local function also(field, value)
    entry[#entry + 1] = field
    entry[#entry + 1] = value
  end
  if input.detailCount > 1 then also('i', table.concat(of.details, ',')) end
  if #order > 1 then also('o', table.concat(of.positions, ',')) end
  if someLogin then also('l', cjson.encode(of.loginIds)) end
  if input.lostVersions then also('w', table.concat(of.lost, ',')) end
  redis.call('XADD', '${keyPrefixes.history}' .. issuer, id .. '-0', unpack(entry))
  local pairsOf = {}
  for _, serial in ipairs(of.serials) do
    pairsOf[#pairsOf + 1] = serial
    pairsOf[#pairsOf + 1] = id
  end
  callAll('HSET', '${keyPrefixes.records}' .. issuer, pairsOf)
end

if redis.call('HLEN', '${tombstones}') > 0 then
  local gone = {}
  for position, place in ipairs(new) do gone[position] = keys[place] end
  callAll('HDEL', '${tombstones}', gone)
end
if #logins > 0 then
  local before = readAll('${revocationsOf}', logins)
  local after = {}
  for position, loginId in ipairs(logins) do
    after[#after + 1] = loginId
    after[#after + 1] = before[position] and before[position] .. ',' .. id or id
  end
  callAll('HSET', '${revocationsOf}', after)
end
for place = 1, count do
  if answer[place] < 0 then answer[place] = 2 * version end
end
for _, place in ipairs(new) do answer[place] = 2 * version + 1 end
return answer
`)

/**
 * Takes a revocation back if it still is as the caller has read it: `expected`, its version (0: it stands in a set only), and
 * `siblings`, how many certificates its login ID has. Answers {0, version of the tombstone}, {1, version} or {2, 0}: read again.
 */
export const restoreScript = changeScript(`${shared}
local record = redis.call('HGET', '${keyPrefixes.records}' .. input.issuerId, input.serial)
local key = input.issuerId .. ':' .. input.serial
if not record and not stands(input.issuerId, input.serial) then
  local tombstone = redis.call('HGET', '${tombstones}', key)
  return { 0, tombstone and cjson.decode(tombstone).version or 0 }
end
if tonumber(record or 0) ~= input.expected then return { 2, 0 } end
if input.loginId and redis.call('SCARD', '${keyPrefixes.certificatesOf}' .. input.loginId) ~= input.siblings then
  return { 2, 0 }
end
local user = input.loginId and redis.call('HGET', '${users}', input.loginId)
local contractId = user and cjson.decode(user).contractId
raise(input.above)
emit(input.event .. ',"atMs":' .. nowMs .. '}')
-- Whoever decided from what the contract held before must decide again.
if contractId then redis.call('HSET', '${revisions}', contractId, whole(version)) end
redis.call('HSET', '${tombstones}', key, input.tombstone .. ',"atMs":' .. nowMs .. ',"version":' .. whole(version) .. '}')
redis.call('HDEL', '${keyPrefixes.records}' .. input.issuerId, input.serial)
redis.call('SREM', '${keyPrefixes.revoked}' .. input.issuerId, input.serial)
takeOthers(input.issuerId, { input.serial })
return { 1, version }
`)
