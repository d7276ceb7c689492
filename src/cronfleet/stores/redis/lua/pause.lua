-- Makes no more ticks of a job.
-- ARGV: an order, and the instant at which the pause ends by itself, '' for none.
-- Returns 'unknown', 'ended' if that has passed, or 'done'.
local order, ends_at = read_order('pause'), number()
local job = find_live_job(order.job)
if not job then
  return 'unknown'
end
local is_known = job.paused_reason == 'poisoned' or job.paused_until == ends_at
if not (job.paused_reason and is_known) and not earlier_answer(order) then
  if ends_at and ends_at <= now then
    return 'ended'
  end
  pause(job, 'paused', order.who, order.why, ends_at)
  save()
  remember(order, 'done')
end
return 'done'
