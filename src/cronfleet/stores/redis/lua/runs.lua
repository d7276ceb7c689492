-- Runs of a job, the newest made first.
-- ARGV: either '' and a run, or a job, how many at the most, and how many to pass over.
-- Returns for each: run, kind, state, attempt, token, on_lost, losses, the instants at which it was
-- made and before which it is not claimed, session, instance, start id, the instants of its claim,
-- start and end, outcome, late outcome, error text, until when it is wanted if it waits, why it was
-- skipped, when its holder was asked to cancel it, how many shards it has or of how many it is one, and
-- how many of its shards have ended with each outcome.
local job = word()
local ids = {}
if job == '' then
  ids[1] = word()
else
  local limit, skip = number(), number()
  for at, place in ipairs(page('ZREVRANGE', key('runs', job), skip, limit)) do
    ids[at] = id_at(job, place)
  end
end

local found = {}
for _, id in ipairs(ids) do
  local run = find_run(id)
  if run then
    local text = run.has_error and call('HGET', key('errors', run.job), run.place)
    found[#found + 1] = {
      id, run.kind, run.state, run.attempt, run.token, run.on_lost, run.losses, run.created_at,
      run.not_before, run.session, run.instance, run.start_id,
      run.claimed_at, run.started_at, run.ended_at, run.outcome, run.late_outcome, text or '',
      run.wanted_until, run.reason, run.cancel_asked_at, run.shards, run.tally,
    }
  end
end
return found
