-- What is due, soonest first. Reserves nothing.
-- ARGV: program, most of each kind, how many of what is due and of the pending to pass over.
-- Returns now, the next due instant, due ticks, soon ticks, pending runs, jobs whose pause is to end;
-- a tick is job, generation, digest, fire time, due instant, active count; a pending run is run,
-- digest, not-before.
local program, limit, skip = word(), number(), number()
local due_key, pending_key = key('due', program), key('pending', program)
local resuming_key = key('resuming', program)
local until_now, after_now = int(now), '(' .. int(now)

local function ticks(low, high, from, most)
  local found = {}
  for _, name in ipairs(call('ZRANGEBYSCORE', due_key, low, high, 'LIMIT', from, most)) do
    local job = find_job(name)
    found[#found + 1] = {name, job.generation, job.digest, job.fire, job.due, job.active}
  end
  return found
end

local function pending()
  local found = {}
  local ready =
    call('ZRANGEBYSCORE', pending_key, '-inf', until_now, 'WITHSCORES', 'LIMIT', skip, limit)
  for at = 1, #ready, 2 do
    local id, not_before = ready[at], tonumber(ready[at + 1])
    found[#found + 1] = {id, find_job(string.match(id, '^(.*)@')).digest, not_before}
  end
  return found
end

local function first_after_now(zset)
  local first = call('ZRANGEBYSCORE', zset, after_now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return tonumber(first[2] or 'inf')
end

local next_due = math.min(first_after_now(due_key), first_after_now(pending_key),
  first_after_now(resuming_key))
return {now, next_due < math.huge and next_due, ticks('-inf', until_now, skip, limit),
  ticks(after_now, int(now + SOON_MS), 0, math.min(limit, MOST_SOON)), pending(),
  call('ZRANGEBYSCORE', resuming_key, '-inf', until_now, 'LIMIT', 0, MOST_RESUMING)}
