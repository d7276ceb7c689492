-- Deletes ended runs beyond a job's history.
-- ARGV: job, how many successes and how many failures are kept, for how long in ms, how many are
-- deleted at the most. Returns how many were.
local job, successes, failures, age, limit = word(), number(), number(), number(), number()

-- What ended last comes last: the newest `keep` stay, as far as they are young enough.
local function beyond(history, keep, most)
  local young = call('ZCOUNT', key(history, job), int(now - age), '+inf')
  local places = {}
  for _, place in ipairs(page('ZREVRANGE', key(history, job), math.min(keep, young), most)) do
    -- One whose fire time is yet to come alone proves that its tick has run.
    if tonumber((parts_of(place))) <= now then
      places[#places + 1] = place
    end
  end
  return places
end

-- Drops the runs in these places; those that ended have a place in their history, too.
local function drop(places, history)
  if #places == 0 then
    return
  end
  local keys = {}
  for at, place in ipairs(places) do
    keys[at] = key('run', id_at(job, place))
  end
  call('DEL', unpack(keys))
  call('HDEL', key('errors', job), unpack(places))
  call('ZREM', key('runs', job), unpack(places))
  if history then
    call('ZREM', key(history, job), unpack(places))
  end
end

-- A tick goes with its shards, which stand beside it.
local function drop_ticks(places, history)
  for _, place in ipairs(places) do
    local shards = tonumber(call('HGET', key('run', id_at(job, place)), RUN.fields.shards) or 1)
    local theirs = {}
    for at = 1, shards > 1 and shards or 0 do
      theirs[at] = place .. '*' .. sortable(int(at - 1))
    end
    drop(theirs)
  end
  drop(places, history)
end

local old_successes = beyond('successes', successes, limit)
local old_failures = beyond('failures', failures, limit - #old_successes)
drop_ticks(old_successes, 'successes')
drop_ticks(old_failures, 'failures')
return #old_successes + #old_failures
