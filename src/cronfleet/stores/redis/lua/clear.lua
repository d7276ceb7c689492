-- Cancels runs of a job that nobody has started, and promotes none.
-- ARGV: the store id that was seen, job, how many at the most, what to say as their error.
-- Returns how many were.
local UNSTARTED = {waiting = true, pending = true, claimed = true}
local seen, job, limit, why = word(), find_job(word()), number(), word()
if not job or fleet.id ~= seen then
  return 0
end
local cleared = unended_runs(job, UNSTARTED, limit)
for _, run in ipairs(cleared) do
  local was_active = run.state ~= 'waiting'
  end_unstarted(run, why)
  if was_active and ends_active(run) then
    job.active = job.active - 1
  end
end
save()
return #cleared
