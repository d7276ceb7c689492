-- Looks for what is wrong with a job, its runs, and the indexes that point to them.
-- ARGV: '1' to mend it else '', what to say of a run that had no session, the JSON for the audit,
-- job, and where its ticks are moved ('' for each word if they are not).
-- Returns for each fault: kind, where, 1 if it is mended else 0, detail.
local mends, no_session, json = word() ~= '', word(), word()
local job, moved = find_job(word()), read_moved()
if not job then
  return {}
end
local faults, is_mended = {}, false

local function found(kind, where, mended, detail)
  faults[#faults + 1] = {kind, where, mended and 1 or 0, detail or ''}
  is_mended = is_mended or mended
end

local function check_ticks()
  local is_future = job.watermark > now + CLOCK_STEP_BACK_MS
  local is_settled = job.fire and job.fire <= job.watermark
  if not (is_future or is_settled) then
    return
  end
  local watermark = is_future and math.min(job.watermark, now) or job.watermark
  local is_as_seen = moved.generation == job.generation and moved.expected == job.fire
  local is_ahead = not moved.following or moved.following > watermark
  local can_mend = mends and is_as_seen and is_ahead
  if is_future then
    found('future_watermark', 'job ' .. job.name, can_mend)
  end
  if is_settled then
    found('settled_expected', 'job ' .. job.name, can_mend)
  end
  if can_mend then
    job.generation, job.watermark = job.generation + 1, watermark
    job.fire, job.due = not job.removed and moved.following, not job.removed and moved.due
  end
end

-- As a sweep would leave it, but that its job is not paused because of it.
local function without_session(run)
  local was_started = run.state == 'started'
  run.session = false
  if run.state == 'claimed' and job.removed then
    end_unstarted(run, REMOVED)
  elseif run.state == 'claimed' then
    run.state = 'pending'
  elseif was_started then
    run.outcome, run.losses, run.start_id = 'lost', run.losses + 1, false
    set_error(run, no_session)
    local may_run_again = run.on_lost == 'rerun' and not (run.cancel_asked_at or job.removed)
    if may_run_again and run.losses <= LOSSES_ALLOWED then
      run.state, run.attempt, run.not_before = 'pending', run.attempt + 1, now
    else
      run.state, run.ended_at = 'lost', now
    end
  end
end

local HELD = {claimed = true, started = true}
local ACTIVE = {pending = true, claimed = true, started = true, sharded = true}

local function is_session_wrong(run)
  return (run.session ~= false) ~= (HELD[run.state] or false)
end

local function is_end_wrong(run)
  return (run.ended_at ~= false) ~= (HISTORY[run.state] ~= nil)
end

-- Every index with the run's score in it, false if it is not to be there; `run` is the record as it
-- is stored or as it is mended.
local function places_of(run, id, place)
  local history, state = not run.is_shard and HISTORY[run.state], run.state
  return {
    {'runs', key('runs', job.name), place, run.created_at},
    {'pending', key('pending', job.program), id, state == 'pending' and run.not_before},
    {'waiting', key('waiting', job.name), place, state == 'waiting' and run.created_at},
    {'successes', key('successes', job.name), place, history == 'successes' and run.ended_at},
    {'failures', key('failures', job.name), place, history == 'failures' and run.ended_at},
  }
end

local function is_in_place(index)
  return (tonumber(call('ZSCORE', index[2], index[3]) or nil) or false) == index[4]
end

local function is_held_in_place(run, stored)
  if not stored.session then
    return true
  end
  local is_known = call('ZSCORE', BASE .. 'sessions', stored.session)
    or call('SISMEMBER', BASE .. 'orphaned', stored.session) == 1
  local is_asked = call('SISMEMBER', key('cancelling', stored.session), held_member(run)) == 1
  return is_known and call('ZSCORE', key('held', stored.session), held_member(run))
    and is_asked == (stored.cancel_asked_at ~= false)
end

local misplaced = {}

local function check_places(run, stored)
  local is_wrong = false
  for _, index in ipairs(places_of(stored, run.id, run.place)) do
    if not is_in_place(index) then
      found('index', 'run ' .. run.id, mends, index[1])
      is_wrong = true
    end
  end
  if not is_held_in_place(run, stored) then
    found('index', 'run ' .. run.id, mends, 'held')
    is_wrong = true
  end
  misplaced[#misplaced + 1] = is_wrong and run or nil
end

local function end_as_removed(run)
  if run.state == 'waiting' then
    skip(run, job, 'removed')
  else
    end_unstarted(run, REMOVED)
  end
end

local function check_run(run)
  local where = 'run ' .. run.id
  if run.token > fleet.token then
    found('run_token', where, mends)
    fleet.token = mends and run.token or fleet.token
  end
  local was_session_wrong = is_session_wrong(run)
  if was_session_wrong then
    found('run_session', where, mends)
  end
  local was_end_wrong = is_end_wrong(run)
  local was_left = job.removed and (run.state == 'waiting' or run.state == 'pending')
  if was_session_wrong and mends then
    without_session(run)
  end
  if was_end_wrong then
    found('run_end', where, mends)
    if mends then
      run.ended_at = HISTORY[run.state] and (run.ended_at or now) or false
    end
  end
  if was_left then
    found('removed_run', where, mends)
    if mends then
      end_as_removed(run)
    end
  end
end

local shards_counted = {}

-- Counts a shard for its tick, which comes after it; of a tick compares the counts.
local function check_shards(run, state)
  if run.is_shard then
    local tick = string.match(run.id, '^(.*)/')
    local counts = shards_counted[tick] or {0, 0, 0, 0, 0, found = 0}
    local at = OUTCOME_AT[state]
    if at then
      counts[at] = counts[at] + 1
    end
    counts.found = counts.found + 1
    shards_counted[tick] = counts
  elseif run.tally then
    local counts = shards_counted[run.id] or {0, 0, 0, 0, 0, found = 0}
    counts[OUTCOME_AT.lost] = counts[OUTCOME_AT.lost] + run.shards - counts.found
    local was_tally, was_state = run.tally, run.state
    local was_outcome, was_ended_at = run.outcome, run.ended_at
    set_tally(run, counts)
    if run.tally ~= was_tally or run.state ~= was_state then
      found('shards', 'run ' .. run.id, mends)
    end
    if not mends then
      run.tally, run.state, run.outcome, run.ended_at =
        was_tally, was_state, was_outcome, was_ended_at
    end
  end
end

-- Every place that any index has for a run of the job, the newest made first.
local function all_places()
  local places, seen = {}, {}
  for _, kind in ipairs({'runs', 'waiting', 'successes', 'failures'}) do
    for _, place in ipairs(call('ZREVRANGE', key(kind, job.name), 0, -1)) do
      if not seen[place] then
        places[#places + 1], seen[place] = place, true
      end
    end
  end
  return places
end

local strays = {}

local function check_runs()
  local active, waiting = 0, 0
  for _, place in ipairs(all_places()) do
    local run = find_run(id_at(job.name, place))
    if run then
      check_places(run, run.was)
      check_run(run)
      check_shards(run, run.state)
      active = active + (ACTIVE[run.state] and not run.is_shard and 1 or 0)
      waiting = waiting + (run.state == 'waiting' and 1 or 0)
    else
      found('index', 'run ' .. id_at(job.name, place), mends, 'runs')
      strays[#strays + 1] = place
    end
  end
  if job.active ~= active then
    found('active_count', 'job ' .. job.name, mends)
    job.active = mends and active or job.active
  end
  if waiting > 0 and not job.removed and not (job.limit > 0 and active >= job.limit) then
    -- Who waits is told by an index, which must be right first.
    found('needless_wait', 'job ' .. job.name, mends and #misplaced + #strays == 0)
  end
end

-- Where each index of jobs has this one, as it is stored.
local function places_of_job(stored)
  local due = not stored.paused_reason and stored.due
  return {
    {'due', key('due', job.program), job.name, due},
    {'resuming', key('resuming', job.program), job.name, resumes_at(stored)},
  }
end

local jobs_places_wrong = {}

local function check_places_of_job()
  for at, index in ipairs(places_of_job(job.was)) do
    if not is_in_place(index) then
      jobs_places_wrong[#jobs_places_wrong + 1] = at
      found('index', 'job ' .. job.name, mends, index[1])
    end
  end
end

-- Writing ---------------------------------------------------------------------------------

local function put_in_place(index)
  if index[4] then
    call('ZADD', index[2], int(index[4]), index[3])
  else
    call('ZREM', index[2], index[3])
  end
end

local function put_job_in_place()
  local places = places_of_job(job)
  for _, at in ipairs(jobs_places_wrong) do
    put_in_place(places[at])
  end
end

local function put_run_in_place(run)
  for _, index in ipairs(places_of(run, run.id, run.place)) do
    put_in_place(index)
  end
  if run.session then
    call('ZADD', key('held', run.session), 0, held_member(run))
    local asked = run.cancel_asked_at and 'SADD' or 'SREM'
    call(asked, key('cancelling', run.session), held_member(run))
    if not call('ZSCORE', BASE .. 'sessions', run.session) then
      call('SADD', BASE .. 'orphaned', run.session)
    end
  end
end

local function drop_strays()
  for _, place in ipairs(strays) do
    for _, kind in ipairs({'runs', 'waiting', 'successes', 'failures'}) do
      call('ZREM', key(kind, job.name), place)
    end
    call('HDEL', key('errors', job.name), place)
  end
end

check_ticks()
if not has_definition(job.digest) then
  found('no_definition', 'job ' .. job.name, false)
end
check_places_of_job()
check_runs()
if mends then
  if #misplaced + #strays == 0 then
    promote(job)
  end
  save()
  for _, run in ipairs(misplaced) do
    put_run_in_place(run)
  end
  put_job_in_place()
  drop_strays()
  if is_mended then
    put_on_record({json = json})
  end
end
return faults
