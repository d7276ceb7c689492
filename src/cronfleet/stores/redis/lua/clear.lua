-- Cancels runs of a job that nobody has started, and promotes none.
-- ARGV: the store id that was seen, job, how many at the most, what to say as their error.
-- Returns how many were.
local PAGE = 200
local UNSTARTED = {waiting = true, pending = true, claimed = true}
local seen, job, limit, text = word(), find_job(word()), number(), word()
if not job or fleet.id ~= seen then
  return 0
end

-- What has not ended is mostly among the newest, and the counts tell when all of it was seen; but of
-- a job with shards, which stand in no history, all runs are looked at.
local unended = call('ZCARD', key('runs', job.name)) - call('ZCARD', key('successes', job.name))
  - call('ZCARD', key('failures', job.name))
local cleared, skip = {}, 0
while unended > 0 and #cleared < limit do
  local places = page('ZREVRANGE', key('runs', job.name), skip, PAGE)
  for _, place in ipairs(places) do
    local run = find_run(id_at(job.name, place))
    if not run.ended_at then
      unended = unended - 1
      cleared[#cleared + 1] = UNSTARTED[run.state] and run or nil
    end
  end
  unended = #places > 0 and unended or 0
  skip = skip + PAGE
end

for at = 1, math.min(limit, #cleared) do
  local run = cleared[at]
  local was_active = run.state ~= 'waiting'
  end_unstarted(run, text)
  if was_active and ends_active(run) then
    job.active = job.active - 1
  end
end
save()
return math.min(limit, #cleared)
