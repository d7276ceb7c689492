-- Makes a run now. ARGV[2] job, [3] key, [4] who, [5] why, [6] how many runs may wait.
-- Returns 'unknown', 'full' or {state, run, '1' if the job is paused else ''}.
local job = read_job(ARGV[2])
if not job then
  return 'unknown'
end
local order = read_order()
local paused = job.paused or ''
local earlier = earlier_answer('trigger', job.name, order.key)
if earlier then
  local state, run = string.match(earlier, '^(%S+) (.*)$')
  return {state, run, paused}
end
local waiting = key('waiting', job.name)
local state = 'pending'
if job.limit > 0 and job.active >= job.limit then
  state = 'waiting'
  if redis.call('ZCARD', waiting) >= tonumber(ARGV[6]) then
    return 'full'
  end
end
-- The newest run tells where to begin: of one millisecond, the greatest number is the newest.
local newest = redis.call('ZREVRANGE', key('runs', job.name), 0, 0)[1] or ''
local at, last_number = string.match(newest, '@(%d+)%+(%d+)$')
local number = 1
if at == int(now) then
  number = tonumber(last_number) + 1
end
while redis.call('EXISTS', key('run', job.name .. '@' .. int(now) .. '+' .. int(number))) == 1 do
  number = number + 1
end
local run = job.name .. '@' .. int(now) .. '+' .. int(number)
new_run(run, job, 'manual', state)
if state == 'waiting' then
  -- Of one millisecond, the lower number first.
  redis.call('ZADD', waiting, int(now * 1024 + math.min(number, 1023)), run)
else
  make_pending(run, job.program, now)
  set_active(job, job.active + 1)
end
remember('trigger', job.name, order, state .. ' ' .. run)
return {state, run, paused}
