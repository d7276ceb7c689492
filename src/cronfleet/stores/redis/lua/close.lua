-- Ends another's session, once and finally, if it is as it was watched and has expired.
-- ARGV: session, counter, epoch, '1' if scripts may ask the server. Returns 1 if it was closed, else 0.
local dead, counter, epoch = find_session(word()), number(), number()
notice_failover()
local is_as_seen = dead and dead.counter == counter and fleet.epoch == epoch
-- An expiry further ahead than a renewal reaches: the clock was set back.
local is_over = dead and (dead.expires_at <= now or dead.expires_at > now + dead.ttl)
if is_as_seen and is_over then
  drop_session(dead.id)
end
save()
return is_as_seen and is_over and 1 or 0
