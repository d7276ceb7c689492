-- Gives a lock back if it is still this value's. KEYS[1]: the lock. ARGV: value. Returns 1 or 0.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
