-- Gives a lock back, or the place in its queue, and tells the next in the queue.
-- ARGV: name, owner. Returns 1 if nobody else had been granted the lock, else 0.
local name, owner = ARGV[2], ARGV[3]
local lock_key, waiters_key = BASE .. 'lock:' .. name, BASE .. 'waiters:' .. name
local is_mine = string.sub(call('GET', lock_key) or '', 1, #owner) == owner
if call('EXISTS', waiters_key) == 0 then
  return is_mine and call('DEL', lock_key) or 0
end

read_clock()
local _, _, expires_at = find_lock(name)
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
if is_mine then
  call('DEL', lock_key)
end
if following and (is_mine or not expires_at) then
  redis.pcall('PUBLISH', BASE .. 'hints:lock:' .. following, '') -- Only a hint: it may be refused.
end
return is_mine and 1 or 0
