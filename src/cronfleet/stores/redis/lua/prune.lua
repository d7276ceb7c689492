-- Deletes ended runs beyond the histories of jobs.
-- ARGV: how many are deleted at the most; then for each job: its name, how many successes and how
-- many failures are kept, and for how long in ms. Returns how many were deleted.
local left = number()

-- What ended last comes last: the newest `keep` stay, as far as they are young enough.
local function beyond(job, history, keep, age)
  local young = call('ZCOUNT', key(history, job), int(now - age), '+inf')
  local places = {}
  for _, place in ipairs(page('ZREVRANGE', key(history, job), math.min(keep, young), left)) do
    -- One whose fire time is yet to come alone proves that its tick has run.
    if tonumber((parts_of(place))) <= now then
      places[#places + 1] = place
    end
  end
  return places
end

-- Drops the runs in these places; those that ended have a place in their history, too.
local function drop(job, places, history)
  if #places == 0 then
    return
  end
  local keys = {}
  for _, place in ipairs(places) do
    keys[#keys + 1] = key('run', id_at(job, place))
    keys[#keys + 1] = key('log', id_at(job, place))
  end
  call('DEL', unpack(keys))
  call('HDEL', key('errors', job), unpack(places))
  call('ZREM', key('runs', job), unpack(places))
  if history then
    call('ZREM', key(history, job), unpack(places))
  end
end

-- A tick goes with its shards, which stand beside it.
local function drop_ticks(job, places, history)
  for _, place in ipairs(places) do
    local shards = tonumber(call('HGET', key('run', id_at(job, place)), RUN.fields.shards) or 1)
    local theirs = {}
    for at = 1, shards > 1 and shards or 0 do
      theirs[at] = place .. '*' .. sortable(int(at - 1))
    end
    drop(job, theirs)
  end
  drop(job, places, history)
end

local function prune(job, history, keep, age)
  local places = beyond(job, history, keep, age)
  drop_ticks(job, places, history)
  left = left - #places
end

local limit = left
while has_words() and left > 0 do
  local job, successes, failures, age = word(), number(), number(), number()
  prune(job, 'successes', successes, age)
  prune(job, 'failures', failures, age)
end
return limit - left
