-- Makes a run now: pending, or waiting while the job is at its limit.
-- ARGV: an order. Returns 'unknown', 'full' or {run, its state, 1 if the job is paused else 0}.
local order = read_order('trigger')
local job = find_live_job(order.job)
if not job then
  return 'unknown'
end
local is_paused = job.paused_reason and 1 or 0
local earlier = earlier_answer(order)
if earlier then
  local state, id = string.match(earlier, '^(%S+) (%S+)$')
  return {id, state, is_paused}
end
local waits = is_full(job)
if waits and count_waiting(job) >= MOST_WAITING or job.active >= MOST_PENDING then
  return 'full'
end

-- The newest run tells where to begin: of one millisecond, the greatest number is the newest.
local newest = call('ZREVRANGE', key('runs', job.name), 0, 0)[1]
local fire, newest_count = parts_of(newest or place_of('0', '', ''))
local count = fire == int(now) and (tonumber(newest_count) or 0) + 1 or 1
while is_run(run_id(job.name, int(now), int(count), '')) do
  count = count + 1
end
local run = new_run(job, int(now), int(count), 'manual')
if waits then
  run.state = 'waiting'
else
  job.active = job.active + 1
  split(run)
end
save()
remember(order, run.state .. ' ' .. run.id)
return {run.id, run.state, is_paused}
