-- Settles a job's ticks without runs.
-- ARGV: job, and where its ticks are moved. Returns 'unknown', 'changed' or 'done'.
local job, moved = find_job(word()), read_moved()
if not job then
  return 'unknown'
elseif not move(job, moved) then
  return 'changed'
end
save()
return 'done'
