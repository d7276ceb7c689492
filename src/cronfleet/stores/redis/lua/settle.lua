-- Settles a job's ticks without runs.
-- ARGV: the store id that was seen, job, and where its ticks are moved.
-- Returns 'unknown', 'changed' or 'done'.
local seen, job, moved = word(), find_job(word()), read_moved()
if not job then
  return 'unknown'
elseif fleet.id ~= seen or not move(job, moved) then
  return 'changed'
end
save()
return 'done'
