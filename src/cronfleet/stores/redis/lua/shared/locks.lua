-- What the scripts of locks begin with, in place of all else that is shared: a lock is taken and
-- given back in two short scripts, and setting up what they do not use would cost more than they do.
-- KEYS[1] and ARGV[1] are as in fleet.lua, and so are the keys. The server's own expiries only tidy
-- up: what has expired goes by the store's time.

local BASE, call = KEYS[1], redis.call

local function int(value)
  return string.format('%.0f', value)
end

local now, last_token

-- Reads the store's time, as fleet.lua tells it, and the last token. Not done by itself: it is half
-- of what a short script costs.
local function read_clock()
  local clock, fleet = tonumber(ARGV[1]), call('HMGET', BASE .. 'fleet', 'greatest', 'token')
  if not clock then
    local time = call('TIME')
    clock = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  end
  local greatest = tonumber(fleet[1] or 0)
  local is_back = clock < greatest and greatest <= clock + CLOCK_STEP_BACK_MS
  now, last_token = is_back and greatest or clock, tonumber(fleet[2] or 0)
end

-- A number above all that were given out before, by the same rule as in fleet.lua.
local function take_token()
  local token = int(math.max(last_token + 1, now * TOKENS_PER_MS))
  call('HSET', BASE .. 'fleet', 'token', token)
  return token
end

-- Who was granted a lock last, under which token, and until when if that is not over; nil if it was
-- given back. An expiry further ahead than a grant or renewal reaches is over, too.
local function find_lock(name)
  local owner, token, ttl, expires_at =
    string.match(call('GET', BASE .. 'lock:' .. name) or '', '^(%x+) (%d+) (%d+) (%d+)$')
  expires_at = tonumber(expires_at)
  if expires_at and (expires_at <= now or expires_at > now + ttl + CLOCK_STEP_BACK_MS) then
    expires_at = nil
  end
  return owner, token, expires_at
end

-- Grants a lock, or prolongs it.
local function write_lock(name, owner, token, ttl)
  local text = owner .. ' ' .. token .. ' ' .. ttl .. ' ' .. int(now + ttl)
  call('SET', BASE .. 'lock:' .. name, text, 'PX', int(ttl + 2 * CLOCK_STEP_BACK_MS))
end

-- The queue of a lock: its waiters by their places, and those that fell silent.
local function find_queue(name)
  local waiters, lapsed = {}, {}
  local owners = call('ZRANGE', BASE .. 'waiters:' .. name, 0, -1)
  local kept = #owners > 0 and call('HMGET', BASE .. 'kept:' .. name, unpack(owners))
  for at, owner in ipairs(owners) do
    local kept_until = tonumber(kept[at] or 0)
    if kept_until > now and kept_until <= now + WAITER_KEPT_MS + CLOCK_STEP_BACK_MS then
      waiters[#waiters + 1] = {owner = owner, kept_until = kept_until}
    else
      lapsed[#lapsed + 1] = owner
    end
  end
  return waiters, lapsed
end

local function drop_waiters(name, owners)
  if #owners > 0 then
    call('ZREM', BASE .. 'waiters:' .. name, unpack(owners))
    call('HDEL', BASE .. 'kept:' .. name, unpack(owners))
  end
end
