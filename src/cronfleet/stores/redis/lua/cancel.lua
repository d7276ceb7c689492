-- Cancels a run: ends it if nobody has started it, and asks that of its holder otherwise.
-- ARGV: an order with the run in the place of a job, by whom and why for the run's error text.
-- Returns 'unknown', 'ended', 'asked' or 'done'.
local order, by_whom = read_order('cancel'), word()
local run = find_run(order.job)
if not run then
  return 'unknown'
end
local earlier = earlier_answer(order)
if earlier then
  return earlier
elseif run.ended_at then
  return 'ended'
elseif run.cancel_asked_at then
  return 'asked'
end

local function end_or_ask()
  if run.state == 'started' then
    set_error(run, 'asked to cancel' .. by_whom)
    run.cancel_asked_at = now
    return 'asked'
  end
  local was_active = run.state ~= 'waiting'
  end_unstarted(run, 'cancelled' .. by_whom)
  if was_active then
    local job = job_of(run)
    job.active = job.active - 1
    promote(job)
  end
  return 'done'
end

local answer = end_or_ask()
save()
remember(order, answer)
return answer
