-- Makes a tombstone of a job, and ends those of its runs that nobody has in hand.
-- ARGV: an order, where it moves the ticks (nothing follows), for how long in ms no open session
-- must have declared the job ('' if that does not matter), how many runs at the most.
-- Returns 'unknown', 'changed', 'done' or, if there are other runs to be ended, 'more'.
local order, moved, undeclared_ms, limit = read_order('remove'), read_moved(), number(), number()
local job = find_job(order.job)
if not job then
  return 'unknown'
end

local function is_neglected()
  local since = job.undeclared_since
  return since and since + undeclared_ms <= now and not is_declared(job)
end

local is_new = not job.removed
if is_new then
  moved.following, moved.due = false, false
  if undeclared_ms and not is_neglected() or not move(job, moved) then
    return 'changed'
  end
  job.removed, job.undeclared_since = '1', false
end

local unended = {}
if job.active > 0 or count_waiting(job) > 0 then
  unended = unended_runs(job, {waiting = true, pending = true}, limit + 1)
end
for at = 1, math.min(limit, #unended) do
  local run = unended[at]
  if run.state == 'waiting' then
    skip(run, job, 'removed')
  else
    end_unstarted(run, REMOVED)
    make_room(run)
  end
end
save()
if is_new then
  remember(order, 'done')
end
return #unended > limit and 'more' or 'done'
