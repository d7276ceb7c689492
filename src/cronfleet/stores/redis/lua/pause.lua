-- Makes no more ticks of a job. ARGV[2] job, [3] key, [4] who, [5] why.
-- Returns 'unknown' or 'done'.
local job = read_job(ARGV[2])
if not job then
  return 'unknown'
end
local order = read_order()
if not job.paused and not earlier_answer('pause', job.name, order.key) then
  redis.call('HSET', key('job', job.name), 'gen', int(job.gen + 1))
  set_paused(job, 'paused', order.who, order.why)
  remember('pause', job.name, order, 'done')
end
return 'done'
