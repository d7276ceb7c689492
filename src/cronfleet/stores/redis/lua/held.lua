-- The runs that a session holds, by run id.
-- ARGV: session. Returns for each: run, kind, token, attempt, digest, state, of how
-- many shards it is one.
local held = {}
for _, member in ipairs(call('ZRANGE', key('held', word()), 0, -1)) do
  local run = find_run(held_id(member))
  held[#held + 1] = {
    run.id, run.kind, run.token, run.attempt, job_of(run).digest, run.state, run.shards,
  }
end
return held
