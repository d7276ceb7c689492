-- Takes a named lock, or a place in its queue.
-- ARGV: name, owner, TTL in ms, '1' to wait.
-- Returns {token}, or {ms until it may be free, how many wait who came before}.
local name, owner, ttl, waits = ARGV[2], ARGV[3], ARGV[4], ARGV[5] == '1'
local waiters_key, kept_key = BASE .. 'waiters:' .. name, BASE .. 'kept:' .. name
read_clock()

local function grant()
  local token = take_token()
  write_lock(name, owner, token, ttl)
  return {tonumber(token)}
end

local holder, token, expires_at = find_lock(name)
if not expires_at and call('EXISTS', waiters_key) == 0 then
  return grant()
elseif expires_at and holder == owner then
  write_lock(name, owner, token, ttl)
  return {tonumber(token)}
end

local waiters, lapsed = find_queue(name)
local ahead, mine = #waiters, nil
for at, waiter in ipairs(waiters) do
  if waiter.owner == owner then
    ahead, mine = at - 1, waiter
  end
end

if not expires_at and ahead == 0 then
  lapsed[#lapsed + 1] = mine and owner
  drop_waiters(name, lapsed)
  return grant()
end

drop_waiters(name, lapsed)
local is_new = not mine and waits and ahead < MOST_LOCK_WAITERS
if is_new then
  call('ZADD', waiters_key, take_token(), owner) -- Rises as tokens do.
end
if is_new or mine and mine.kept_until < now + math.floor(WAITER_KEPT_MS * 2 / 3) then
  call('HSET', kept_key, owner, int(now + WAITER_KEPT_MS))
  call('PEXPIRE', waiters_key, int(WAITER_KEPT_MS + 2 * CLOCK_STEP_BACK_MS))
  call('PEXPIRE', kept_key, int(WAITER_KEPT_MS + 2 * CLOCK_STEP_BACK_MS))
end
return {(expires_at or waiters[1].kept_until) - now, ahead}
