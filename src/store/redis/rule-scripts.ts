import { redisKeys } from './redis-keys.ts'
import { changeScript } from './redis-script.ts'

/**
 * Puts rules in force. Input `rules`: `ruleId`; `idJson`, the same as JSON; `head`, the rule as JSON up to its upper bound;
 * `bound` (false: now); `about`, what the record says besides; `lostVersion` where a newer tombstone wins. Answers 2 * version,
 * plus 1 if it was changed, for each.
 */
export const ruleScript = changeScript(`
if input.above then raise(input.above) end
local answer = {}
for place, wanted in ipairs(input.rules) do
  local value = redis.call('HGET', '${redisKeys.rules}', wanted.ruleId)
  local before = value and cjson.decode(value)
  -- notBefore counts in whole seconds.
  local bound = wanted.bound or now[1] .. '000'
  local stays = before and before.state == 'in_force' and tonumber(bound) <= before.rule.notBeforeMaxMs
  if before and before.state == 'withdrawn' and wanted.lostVersion then stays = before.version > wanted.lostVersion end
  if stays then
    answer[place] = 2 * before.version
  else
    local rule = wanted.head .. ',"notBeforeMaxMs":' .. bound .. '}'
    emit('{"kind":"rule","ruleId":' .. wanted.idJson .. ',"rule":' .. rule .. ',"atMs":' .. nowMs .. '}')
    redis.call('HSET', '${redisKeys.rules}', wanted.ruleId, '{"state":"in_force","version":' .. whole(version)
      .. ',"atMs":' .. nowMs .. ',"rule":' .. rule .. ',' .. wanted.about .. '}')
    answer[place] = 2 * version + 1
  end
end
return answer
`)

/** Takes a rule back. Answers {2, 0}: there is none; {0, version}: it was taken back before; {1, version}. */
export const withdrawScript = changeScript(`
local value = redis.call('HGET', '${redisKeys.rules}', input.ruleId)
if not value then return { 2, 0 } end
local before = cjson.decode(value)
if before.state == 'withdrawn' then return { 0, before.version } end
raise(input.above)
emit('{"kind":"rule_withdrawn","ruleId":' .. input.idJson .. ',"atMs":' .. nowMs .. '}')
redis.call('HSET', '${redisKeys.rules}', input.ruleId, '{"state":"withdrawn","version":' .. whole(version)
  .. ',"atMs":' .. nowMs .. ',' .. input.about .. '}')
return { 1, version }
`)
