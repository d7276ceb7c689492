-- Ends another's session, once and finally, if it is as it was watched and has expired. The first
-- to come after a failover is refused: what it watched may have been lost.
-- ARGV[2] session, [3] counter, [4] epoch. Returns 1 if it was closed, else 0.
notice_failover()
local dead = read(key('session', ARGV[2]))
if not dead or dead.counter ~= ARGV[3] or redis.call('HGET', FLEET, 'epoch') ~= ARGV[4] then
  return 0
end
local expires = tonumber(dead.expires)
-- Further ahead than a renewal reaches: the clock was set back.
local is_stale = expires > now + tonumber(dead.ttl)
if expires > now and not is_stale then
  return 0
end
drop_session(ARGV[2])
return 1
