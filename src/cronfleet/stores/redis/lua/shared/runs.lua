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

-- Gives the room that a job has to its waiting runs, oldest first. A tombstone gives none: what
-- waits there is ended with it.
local function promote(job)
  while not job.removed and not is_full(job) do
    local run = oldest_waiting(job)
    if not run then
      return
    elseif run.wanted_until and run.wanted_until < now then
      skip(run, job, 'misfire')
    else
      leave_waiting(run, job, 'pending')
      run.not_before = now
      job.active = job.active + 1
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

-- CLAIMED to PENDING: nobody ran it, so the attempt stays. Of a tombstone it is cancelled.
local function put_back(run)
  local job = job_of(run)
  if job.removed then
    job.active = job.active - 1
    end_unstarted(run, REMOVED)
  else
    run.state, run.session = 'pending', false
  end
end

local function may_run_again(run)
  return not run.cancel_asked_at and not job_of(run).removed
end

-- Ends a run that nobody has started, which makes room; asks that of the holder of another.
local function end_or_ask(run, by_whom)
  if run.state == 'started' then
    set_error(run, 'asked to cancel' .. by_whom)
    run.cancel_asked_at = now
    return 'asked'
  end
  local was_active = run.state ~= 'waiting'
  end_unstarted(run, 'cancelled' .. by_whom)
  if was_active then
    local job = job_of(run)
    job.active = job.active - 1
    promote(job)
  end
  return 'done'
end

local function finish(run, outcome)
  run.state, run.outcome, run.ended_at = outcome, outcome, now
  run.session, run.start_id = false, false
  local job = job_of(run)
  job.active = job.active - 1
  promote(job)
end

local function pause(job, reason, by, why)
  job.generation = job.generation + 1
  job.paused_reason, job.paused_by, job.paused_why = reason, by, why
end

local function poison(run)
  local job = job_of(run)
  if not job.paused_reason then
    pause(job, 'poisoned', '',
      'run ' .. run.id .. ' lost its instance ' .. int(run.losses) .. ' times in a row')
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
  -- What has not ended is mostly among the newest, and the counts tell when all of it was seen.
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
