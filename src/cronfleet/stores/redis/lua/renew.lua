-- Prolongs a session by its TTL and raises its counter. The only place where the greatest time is
-- raised, or a clock that was set far back is believed.
-- ARGV: session, '1' if scripts may ask the server.
-- Returns nothing for a closed session, else what the store says of itself, held runs, the newest
-- tzdata, for each open session: id, counter, TTL in ms, program, manifest; and for each run that it
-- is asked to cancel: run, token.
local id = word()
local sessions = find_sessions()
local mine
for _, session in ipairs(sessions) do
  mine = session.id == id and session or mine
end
if not mine then
  return nil
end
notice_failover()
-- A span in which nobody renewed counts for no more than the session would have lasted.
fleet.lived = fleet.lived + math.min(math.max(0, now - fleet.greatest), mine.ttl)
fleet.greatest = now
mine.expires_at, mine.counter = now + mine.ttl, mine.counter + 1

local tzdata, peers = '', {}
for _, session in ipairs(sessions) do
  tzdata = is_below(tzdata, session.tzdata) and session.tzdata or tzdata
  peers[#peers + 1] = {session.id, session.counter, session.ttl, session.program, session.manifest}
end
local held, cancels = count_held(mine), {}
for _, member in ipairs(call('SMEMBERS', key('cancelling', id))) do
  local run = find_run(held_id(member))
  if run and run.session == id and run.cancel_asked_at then
    cancels[#cancels + 1] = {run.id, run.token}
  end
end
write_session(mine)
save()
return {info(), held, tzdata, peers, cancels}
