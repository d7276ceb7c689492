-- Deletes ended runs beyond a job's history. ARGV[2] job, [3] successes and [4] others kept,
-- [5] age in ms, [6] limit. Returns how many.
local before = now - tonumber(ARGV[5])
local left = tonumber(ARGV[6])
local pruned = 0

local function drop(shelf, run)
  redis.call('DEL', key('run', run), key('error', run))
  redis.call('ZREM', shelf, run)
  redis.call('ZREM', key('runs', ARGV[2]), run)
  pruned, left = pruned + 1, left - 1
end

for place, name in ipairs({'good', 'bad'}) do
  local shelf = key(name, ARGV[2])
  local beyond = redis.call('ZCARD', shelf) - tonumber(ARGV[2 + place])
  if beyond > 0 and left > 0 then
    for _, run in ipairs(redis.call('ZRANGE', shelf, 0, math.min(beyond, left) - 1)) do
      drop(shelf, run)
    end
  end
  if left > 0 then
    local old = redis.call('ZRANGEBYSCORE', shelf, '-inf', '(' .. int(before), 'LIMIT', 0, left)
    for _, run in ipairs(old) do
      drop(shelf, run)
    end
  end
end
return pruned
