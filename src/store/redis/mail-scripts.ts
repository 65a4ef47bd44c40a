import { redisKeys } from './redis-keys.ts'
import { changeScript } from './redis-script.ts'

const { mails, mailStates, mailsDue, mailsWaiting, mailsSent, mailsDead } = redisKeys

/**
 * What becomes of a mail changes more often than the mail: it is kept beside it, as
 * `<state>:<attempts>:<due>:<changed>:<last error>`. Those of each state are listed by when they changed last.
 */
const shared = `
local listOf = { waiting = '${mailsWaiting}', sent = '${mailsSent}', dead = '${mailsDead}' }

local function read(id)
  local text = redis.call('HGET', '${mailStates}', id)
  local state, attempts, due, changed, fault = string.match(text or '', '^(%l+):(%d+):(%-?%d+):(%-?%d+):(.*)$')
  if not state then return nil end
  return { state = state, attempts = tonumber(attempts), due = tonumber(due), changed = tonumber(changed), fault = fault }
end

local function write(id, mail)
  local text = table.concat({ mail.state, whole(mail.attempts), whole(mail.due), whole(mail.changed), mail.fault }, ':')
  redis.call('HSET', '${mailStates}', id, text)
  for state, list in pairs(listOf) do
    if state ~= mail.state then redis.call('ZREM', list, id) end
  end
  redis.call('ZADD', listOf[mail.state], whole(mail.changed), id)
  if mail.state == 'waiting' then
    redis.call('ZADD', '${mailsDue}', whole(mail.due), id)
  else
    redis.call('ZREM', '${mailsDue}', id)
  end
  return text
end
`

/** Adds mails whose id is new. Answers 1 for each that was, and 0. */
export const addMailsScript = changeScript(`${shared}
local answer = {}
for place, mail in ipairs(input.mails) do
  answer[place] = redis.call('HSETNX', '${mails}', mail.id, mail.text)
  if answer[place] == 1 then
    write(mail.id, { state = 'waiting', attempts = 0, due = mail.dueMs, changed = tonumber(nowMs), fault = '' })
  end
end
return answer
`)

/** Takes mails that are due, until `untilMs`. Answers id, mail and state of each. */
export const leaseMailsScript = changeScript(`${shared}
local answer = {}
local due = redis.call('ZRANGEBYSCORE', '${mailsDue}', '-inf', whole(input.nowMs), 'LIMIT', 0, whole(input.limit))
for _, id in ipairs(due) do
  local text = redis.call('HGET', '${mails}', id)
  local mail = text and read(id)
  if mail then
    mail.attempts = mail.attempts + 1
    mail.due = input.untilMs
    for _, part in ipairs({ id, text, write(id, mail) }) do answer[#answer + 1] = part end
  else
    -- Somebody has deleted it by hand.
    redis.call('ZREM', '${mailsDue}', id)
  end
end
return answer
`)

/** Says what became of a mail. One that was sent stays so; one that was given up may only turn out to have been sent. */
export const settleMailScript = changeScript(`${shared}
local mail = read(input.id)
if not mail or mail.state == 'sent' or (mail.state == 'dead' and input.state ~= 'sent') then return 0 end
mail.state = input.state
mail.changed = input.atMs
mail.due = input.dueMs or mail.due
mail.fault = input.error or mail.fault
write(input.id, mail)
return 1
`)

/** Makes a dead mail due now. Answers 1 if there is one. */
export const reviveMailScript = changeScript(`${shared}
local mail = read(input.id)
if not mail or mail.state ~= 'dead' then return 0 end
write(input.id, { state = 'waiting', attempts = 0, due = tonumber(nowMs), changed = tonumber(nowMs), fault = mail.fault })
return 1
`)

/** Forgets at most `limit` mails of a list that changed last before a time. Answers how many. */
export const forgetMailsScript = changeScript(`
local ids = redis.call('ZRANGEBYSCORE', input.list, '-inf', '(' .. whole(input.beforeMs), 'LIMIT', 0, input.limit)
for _, id in ipairs(ids) do
  redis.call('HDEL', '${mails}', id)
  redis.call('HDEL', '${mailStates}', id)
  redis.call('ZREM', input.list, id)
end
return #ids
`)
