-- Makes ticks again. ARGV[2] job, [3] key, [4] who, [5] why, then as `move` says.
-- Returns 'unknown', 'changed' or 'done'.
local job = read_job(ARGV[2])
if not job then
  return 'unknown'
end
local order = read_order()
if not job.paused or earlier_answer('resume', job.name, order.key) then
  return 'done'
end
return move('resume', job, 6, order)
