-- Makes ticks of a job again.
-- ARGV: an order, and where it moves the ticks. Returns 'unknown', 'changed' or 'done'.
local order, moved = read_order('resume'), read_moved()
local job = find_live_job(order.job)
if not job then
  return 'unknown'
elseif not job.paused_reason or earlier_answer(order) then
  return 'done'
elseif not move(job, moved) then
  return 'changed'
end
unpause(job)
save()
remember(order, 'done')
return 'done'
