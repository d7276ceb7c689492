-- Claims ticks and pending runs.
-- ARGV: session; the number of jobs of which an item was refused before, and their names; then for
-- each item either 'run' and the run, or 'tick' and: job, generation, expected fire time, fire time,
-- the last fire time that it settles, following fire time and its due instant, gap's first, last,
-- count, reason, what becomes of it if the job is at its limit ('skip', 'wait' or 'wait_all'), and
-- until when it is wanted if it waits. '' stands for none.
-- Returns nothing if the session is not open and unexpired, else for each item: 'lost', 'not_due',
-- {'skipped', reason}, {'waiting'} or {'granted', kind, token, attempt, digest, shards}.
local session = find_unexpired_session(word())
if not session then
  return nil
end
local refused = {}
for _ = 1, number() do
  refused[word()] = true
end

local function grant(run, job)
  run.state, run.token, run.outcome, run.claimed_at = 'claimed', next_token(), false, now
  run.session, run.instance = session.id, session.label
  return {'granted', run.kind, run.token, run.attempt, job.digest, run.shards}
end

local function claim_run(id)
  local run = find_run(id)
  local job = run and find_job(run.job)
  if not job or run.state ~= 'pending' then
    return 'lost'
  elseif run.not_before > now then
    return 'not_due'
  end
  return grant(run, job)
end

local function is_as_seen(job, item)
  return job and not job.paused_reason and job.generation == item.generation
    and job.fire == item.expected and item.expected > job.watermark
end

-- The waiting runs of a job that are ticks.
local function ticks_waiting(job)
  local ticks = {}
  for _, place in ipairs(call('ZRANGE', key('waiting', job.name), 0, -1)) do
    local _, count = parts_of(place)
    ticks[#ticks + 1] = count == '' and find_run(id_at(job.name, place)) or nil
  end
  for _, run in ipairs(job.held_back or {}) do
    ticks[#ticks + 1] = run
  end
  return ticks
end

-- A due tick for which there is no room.
local function hold_back(job, item, fire)
  if item.if_active == 'wait' then
    for _, run in ipairs(ticks_waiting(job)) do
      if run.state == 'waiting' then
        skip(run, job, 'overlap')
      end
    end
  end
  if item.if_active == 'skip' or count_waiting(job) >= MOST_WAITING then
    add_gap(job, {first = item.fire, last = item.fire, count = 1, reason = 'overlap'})
    return {'skipped', 'overlap'}
  end
  local run = new_run(job, fire, '', 'tick')
  run.state, run.wanted_until = 'waiting', item.wanted_until
  job.new_waiters = (job.new_waiters or 0) + 1
  job.held_back = job.held_back or {}
  job.held_back[#job.held_back + 1] = run
  return {'waiting'}
end

-- A tick that is due: runs it, or records why not.
local function settle(job, item)
  if item.gap then
    add_gap(job, item.gap)
  end
  if not item.fire then
    return {'skipped', item.gap.reason}
  end
  local fire = int(item.fire)
  if is_run(run_id(job.name, fire, '', '')) then
    return 'lost' -- The record proves that somebody settled it.
  elseif is_full(job) then
    return hold_back(job, item, fire)
  end
  job.active = job.active + 1
  return grant(split(new_run(job, fire, '', 'tick')), job)
end

local function claim_tick(item)
  local job = find_job(item.job)
  if not is_as_seen(job, item) then
    return 'lost'
  elseif math.max(job.due, item.settled) > now then
    return 'not_due'
  end
  local answer = settle(job, item)
  job.fire, job.due, job.watermark = item.following, item.due, item.settled
  return answer
end

local function read_tick()
  return {
    job = word(), generation = number(), expected = number(), fire = number(), settled = number(),
    following = number(), due = number(), gap = read_gap(), if_active = word(),
    wanted_until = number(),
  }
end

local answers = {}
while has_words() do
  local answer
  if word() == 'run' then
    answer = claim_run(word())
  else
    local item = read_tick()
    answer = refused[item.job] and 'lost' or claim_tick(item)
    refused[item.job] = type(answer) == 'string'
  end
  answers[#answers + 1] = answer
end
save()
return answers
