-- Makes no more ticks of a job.
-- ARGV: an order. Returns 'unknown' or 'done'.
local order = read_order('pause')
local job = find_live_job(order.job)
if not job then
  return 'unknown'
end
if not job.paused_reason and not earlier_answer(order) then
  pause(job, 'paused', order.who, order.why)
  save()
  remember(order, 'done')
end
return 'done'
