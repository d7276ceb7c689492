-- Prolongs a session by its TTL and raises its counter. The only place where the greatest time is
-- raised, or a clock that was set far back is believed.
-- ARGV: session, '1' if scripts may ask the server.
-- Returns nothing for a closed session, else what the store says of itself, held runs, the newest
-- tzdata, and for each open session: id, counter, TTL in ms, program, manifest.
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
local held = count_held(mine)
write_session(mine)
save()
return {info(), held, tzdata, peers}
