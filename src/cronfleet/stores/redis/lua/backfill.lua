-- Makes runs of fire times that have passed: pending, or waiting while the job is at its limit.
-- ARGV: an order, '1' if those that have run are to run again else '', the fire times.
-- Returns 'unknown', 'full' or {how many were made, how many had run, 1 if the job is paused else 0}.
local order, again = read_order('backfill'), word() ~= ''
local job = find_live_job(order.job)
if not job then
  return 'unknown'
end
local is_paused = job.paused_reason and 1 or 0
local earlier = earlier_answer(order)
if earlier then
  local made, had_run = string.match(earlier, '^(%d+) (%d+)$')
  return {tonumber(made), tonumber(had_run), is_paused}
end

-- Whether a run of it has been started, or may yet be: its tick's or an earlier back-fill's.
local function has_run(fire)
  local count, run = 0, find_run(run_id(job.name, fire, '', ''))
  repeat
    if run and run.kind ~= 'manual' and (run.started_at or not run.ended_at) then
      return true
    end
    count = count + 1
    run = find_run(run_id(job.name, fire, int(count), ''))
  until not run
  return false
end

local wanted, all, first, last = {}, 0, math.huge, 0
while has_words() do
  local fire = number()
  all, first, last = all + 1, math.min(first, fire), math.max(last, fire)
  if again or not has_run(int(fire)) then
    wanted[#wanted + 1] = int(fire)
  end
end

local function has_place()
  if job.limit == 0 then
    return job.active + #wanted <= MOST_PENDING
  end
  local waits = #wanted - math.max(0, job.limit - job.active)
  return waits <= 0 or count_waiting(job) + waits <= MOST_WAITING
end

if not has_place() then
  return 'full'
end
for _, fire in ipairs(wanted) do
  local count = 1
  while is_run(run_id(job.name, fire, int(count), '')) do
    count = count + 1
  end
  local run = new_run(job, fire, int(count), 'backfill')
  if is_full(job) then
    run.state = 'waiting'
  else
    job.active = job.active + 1
    split(run)
  end
end
save()
call('LPUSH', key('backfills', job.name), int(first) .. ' ' .. int(last) .. ' ' .. int(now))
call('LTRIM', key('backfills', job.name), 0, MOST_BACKFILLS - 1)
remember(order, int(#wanted) .. ' ' .. int(all - #wanted))
return {#wanted, all - #wanted, is_paused}
