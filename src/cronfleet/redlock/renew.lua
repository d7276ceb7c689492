-- Prolongs a lock if it is still this value's. KEYS[1]: the lock. ARGV: value, TTL in ms.
-- Returns 1 or 0.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
