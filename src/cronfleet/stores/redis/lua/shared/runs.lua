-- A run after its claim: put back, ended, lost; and the room that it leaves.

-- A waiting run waits no more.
local function leave_waiting(run, job, state)
  run.state, run.wanted_until = state, false
  job.new_waiters = (job.new_waiters or 0) - 1
end

-- Ends a waiting run that nobody will carry out.
local function skip(run, job, reason)
  leave_waiting(run, job, 'skipped')
  run.reason, run.ended_at = reason, now
end

-- Shards ----------------------------------------------------------------------------------
-- A tick of a job with shards is a record with a tally, how many of them have ended with each of
-- OUTCOMES, and the runs that do its work.

local OUTCOMES = {'succeeded', 'cancelled', 'timed_out', 'failed', 'lost'} -- The worst comes last.
local OUTCOME_AT = {}
for at, outcome in ipairs(OUTCOMES) do
  OUTCOME_AT[outcome] = at
end

local function counts_of(tally)
  local counts = {}
  for count in string.gmatch(tally, '%d+') do
    counts[#counts + 1] = tonumber(count)
  end
  return counts
end

local function shard_id(tick, at)
  return tick.id .. '/' .. int(at)
end

local function new_shard(tick, at)
  local run = new_record(RUN)
  run.id, run.job, run.was.is_shard = shard_id(tick, at), tick.job, true
  run.place = tick.place .. '*' .. sortable(int(at))
  run.kind, run.state, run.on_lost, run.shards = tick.kind, 'pending', tick.on_lost, tick.shards
  run.created_at, run.not_before = tick.created_at, tick.not_before
  runs[run.id] = run
  return run
end

-- Makes the shards of a run, if its job has any, as pending. Returns the first run to be claimed.
-- They stand beside it in all that is ordered by when a run was made.
local function split(run)
  if run.shards == 1 then
    return run
  end
  run.state, run.tally = 'sharded', '0 0 0 0 0'
  for at = 0, run.shards - 1 do
    new_shard(run, at)
  end
  return runs[shard_id(run, 0)]
end

-- All shards of a tick, in their order.
local function shards_of(tick)
  local shards = {}
  for at = 0, tick.shards - 1 do
    shards[#shards + 1] = find_run(shard_id(tick, at)) or nil
  end
  return shards
end

-- Puts it down how many shards of a tick have ended. The tick ends when all have, with the worst
-- outcome.
local function set_tally(tick, counts)
  local ended, worst = 0, false
  for at, count in ipairs(counts) do
    ended = ended + count
    worst = count > 0 and OUTCOMES[at] or worst
    counts[at] = int(count)
  end
  local is_done = ended >= tick.shards
  tick.tally = table.concat(counts, ' ')
  tick.state, tick.outcome = is_done and worst or 'sharded', is_done and worst
  tick.ended_at = is_done and (tick.ended_at or now)
end

-- Whether one run less of its job is active, now that this one has ended: a shard is counted, and
-- only with the last of them their tick ends. What is known then of when a tick started is when the
-- first of its shards did that have ended.
local function ends_active(run)
  if not run.is_shard then
    return true
  end
  local tick = find_run(string.match(run.id, '^(.*)/')) or error('run ' .. run.id .. ' has no tick')
  local counts = counts_of(tick.tally)
  local at = OUTCOME_AT[run.state]
  counts[at] = counts[at] + 1
  set_tally(tick, counts)
  if run.started_at then
    tick.started_at = math.min(tick.started_at or math.huge, run.started_at)
  end
  return tick.ended_at ~= false
end

-- Room ------------------------------------------------------------------------------------

-- Gives the room that a job has to its waiting runs, oldest first. A tombstone gives none: what
-- waits there is ended with it. Of very much room some is left, which the end of any of these runs
-- gives.
local function promote(job)
  local made = 0
  while not job.removed and not is_full(job) and made < MOST_MADE do
    local run = oldest_waiting(job)
    if not run then
      return
    elseif run.wanted_until and run.wanted_until < now then
      skip(run, job, 'misfire')
    else
      leave_waiting(run, job, 'pending')
      run.not_before = now
      split(run)
      job.active = job.active + 1
      made = made + run.shards
    end
  end
end

local function next_attempt(run, not_before)
  run.state, run.session, run.start_id = 'pending', false, false
  run.attempt, run.not_before = run.attempt + 1, not_before
end

-- WAITING, PENDING or CLAIMED to CANCELLED; what that does to its job is for the caller.
local function end_unstarted(run, text)
  set_error(run, text)
  run.state, run.outcome, run.ended_at, run.session = 'cancelled', 'cancelled', now, false
  run.wanted_until = false
end

-- An active run has ended: its job's oldest waiting one may go on, if that leaves room.
local function make_room(run)
  if ends_active(run) then
    local job = job_of(run)
    job.active = job.active - 1
    promote(job)
  end
end

local function ask(run, by_whom)
  set_error(run, 'asked to cancel' .. by_whom)
  run.cancel_asked_at = now
  return 'asked'
end

-- CLAIMED to PENDING: nobody ran it, so the attempt stays. Of a tombstone it is cancelled.
local function put_back(run)
  if job_of(run).removed then
    end_unstarted(run, REMOVED)
    make_room(run)
  else
    run.state, run.session = 'pending', false
  end
end

local function may_run_again(run)
  return not run.cancel_asked_at and not job_of(run).removed
end

-- Ends a run that nobody has started, which makes room; asks that of the holder of another. Of a
-- tick with shards it does so with each of them.
local function end_or_ask(run, by_whom)
  if run.state == 'started' then
    return ask(run, by_whom)
  elseif run.state == 'sharded' then
    ask(run, by_whom)
    for _, shard in ipairs(shards_of(run)) do
      if not shard.ended_at and not shard.cancel_asked_at then
        end_or_ask(shard, by_whom)
      end
    end
    return run.ended_at and 'done' or 'asked'
  end
  local was_active = run.state ~= 'waiting'
  end_unstarted(run, 'cancelled' .. by_whom)
  if was_active then
    make_room(run)
  end
  return 'done'
end

local function finish(run, outcome)
  run.state, run.outcome, run.ended_at = outcome, outcome, now
  run.session, run.start_id = false, false
  make_room(run)
end

local function pause(job, reason, by, why, ends_at)
  job.generation = job.generation + 1
  job.paused_reason, job.paused_by, job.paused_why = reason, by, why
  job.paused_until = ends_at
end

local function unpause(job)
  job.paused_reason, job.paused_until = false, false
end

local function poison(run)
  local job = job_of(run)
  if not job.paused_reason or job.paused_until then
    pause(job, 'poisoned', '',
      'run ' .. run.id .. ' lost its instance ' .. int(run.losses) .. ' times in a row', false)
  end
end

-- A started run has nobody left who will tell how it ended. `losses` counts dead sessions, each of
-- which loses a run once: an instance that lives to tell of its loss was not killed by the run.
local function lose(run)
  run.outcome = 'lost'
  if run.on_lost == 'abandon' or not may_run_again(run) then
    finish(run, 'lost')
  elseif run.losses <= LOSSES_ALLOWED then
    next_attempt(run, now)
  else
    poison(run)
    finish(run, 'lost')
  end
end

-- Runs of a job in some of the states in which runs have not ended, the newest first.
local function unended_runs(job, states, most)
  -- What has not ended is mostly among the newest, and the counts tell when all of it was seen; but
  -- of a job with shards, which stand in no history, all runs are looked at.
  local unseen = call('ZCARD', key('runs', job.name)) - call('ZCARD', key('successes', job.name))
    - call('ZCARD', key('failures', job.name))
  local found, skipped = {}, 0
  while unseen > 0 and #found < most do
    local places = page('ZREVRANGE', key('runs', job.name), skipped, 200)
    for _, place in ipairs(places) do
      local run = find_run(id_at(job.name, place))
      if not run.ended_at then
        unseen = unseen - 1
        found[#found + 1] = states[run.state] and #found < most and run or nil
      end
    end
    unseen = #places > 0 and unseen or 0
    skipped = skipped + 200
  end
  return found
end
