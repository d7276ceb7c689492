-- What is due. ARGV[2] program, [3] limit, [4] skip, [5] how far to look ahead in ms.
-- Returns {now, next due instant or '', due, soon, pending}; due and soon are
-- {job, generation, digest, fire time, due instant, active}..., pending {run, digest}...
local due_key, pending_key = key('due', ARGV[2]), key('pending', ARGV[2])
local limit, skip, ahead = ARGV[3], ARGV[4], now + tonumber(ARGV[5])

local function ticks(low, high)
  local found = {}
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', due_key, low, high, 'LIMIT', skip, limit)) do
    local job = redis.call('HMGET', key('job', name), 'gen', 'digest', 'fire', 'due', 'active')
    found[#found + 1] = {name, job[1], job[2], job[3], job[4], job[5]}
  end
  return found
end

local function pending()
  local found = {}
  local ready = redis.call('ZRANGEBYSCORE', pending_key, '-inf', int(now), 'LIMIT', skip, limit)
  for _, run in ipairs(ready) do
    found[#found + 1] = {run, redis.call('HGET', key('job', job_of(run)), 'digest')}
  end
  return found
end

local function first_after(zset)
  return redis.call('ZRANGEBYSCORE', zset, '(' .. int(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
end

local next_due = tonumber(first_after(due_key))
local next_pending = tonumber(first_after(pending_key))
if next_pending and (not next_due or next_pending < next_due) then
  next_due = next_pending
end
return {int(now), next_due and int(next_due) or '', ticks('-inf', int(now)),
  ticks('(' .. int(now), int(ahead)), pending()}
