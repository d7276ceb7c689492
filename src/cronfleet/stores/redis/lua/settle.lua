-- Settles a job's ticks without runs.
-- ARGV: the store id that was seen, job, where its ticks are moved, and the floor: no fire time up
-- to it becomes a tick any more.
-- Returns 'unknown', 'changed' or 'done'.
local seen, job, moved, floor = word(), find_job(word()), read_moved(), number()
if not job then
  return 'unknown'
elseif fleet.id ~= seen or not move(job, moved, floor) then
  return 'changed'
end
save()
return 'done'
