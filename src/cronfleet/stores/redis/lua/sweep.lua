-- Takes back runs of ended sessions, by run id.
-- ARGV: how many at the most. Returns for each: run, its new state.
local limit = number()
local sessions = call('SMEMBERS', BASE .. 'orphaned')
local members = {}
for _, session in ipairs(sessions) do
  for _, member in ipairs(page('ZRANGE', key('held', session), 0, limit)) do
    members[#members + 1] = member
  end
end
if #sessions > 1 then
  table.sort(members, is_below)
end

local swept = {}
for at = 1, math.min(limit, #members) do
  local run = find_run(held_id(members[at]))
  if run.state == 'claimed' then
    put_back(run)
  else
    set_error(run, 'its instance ' .. run.instance .. ' was gone')
    run.losses = run.losses + 1
    lose(run)
  end
  swept[at] = {run.id, run.state}
end
save()
for _, session in ipairs(sessions) do
  if count_held({id = session}) == 0 then
    call('SREM', BASE .. 'orphaned', session)
  end
end
return swept
