-- Prolongs a lock, if the owner still holds it.
-- ARGV: name, owner, TTL in ms. Returns 1 if it does, else 0.
local name, owner, ttl = ARGV[2], ARGV[3], ARGV[4]
read_clock()
local holder, token, expires_at = find_lock(name)
if not expires_at or holder ~= owner then
  return 0
end
write_lock(name, owner, token, ttl)
return 1
