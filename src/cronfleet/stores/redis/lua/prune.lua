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

local function drop(history, places)
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
  call('ZREM', key(history, job), unpack(places))
end

local old_successes = beyond('successes', successes, limit)
local old_failures = beyond('failures', failures, limit - #old_successes)
drop('successes', old_successes)
drop('failures', old_failures)
return #old_successes + #old_failures
