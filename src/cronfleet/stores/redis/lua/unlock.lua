-- Gives a lock back, or the place in its queue, and tells the next in the queue.
-- ARGV: name, owner. Returns 1 if the lock was still held, else 0.
local name, owner = ARGV[2], ARGV[3]
local holder, _, expires_at = find_lock(name)
local waiters, gone = find_queue(name)
local following
for _, waiter in ipairs(waiters) do
  if waiter.owner == owner then
    gone[#gone + 1] = owner
  else
    following = following or waiter.owner
  end
end

drop_waiters(name, gone)
if holder == owner then
  call('DEL', BASE .. 'lock:' .. name)
end
if following and (holder == owner or not expires_at) then
  redis.pcall('PUBLISH', BASE .. 'hints', 'lock:' .. following) -- Only a hint: it may be refused.
end
return holder == owner and expires_at and 1 or 0
