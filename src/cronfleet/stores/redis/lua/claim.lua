-- Claims ticks and pending runs.
-- ARGV: session; the number of jobs of which an item was refused before, and their names; then for
-- each item either 'run' and the run, or 'tick' and: job, generation, expected fire time, fire time,
-- the last fire time that it settles, following fire time and its due instant, gap's first, last,
-- count, reason, what becomes of it if the job is at its limit ('skip', 'wait', 'wait_all' or
-- 'replace'), and until when it is wanted if it waits. '' stands for none.
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
  run.on_lost = job.on_lost -- As those say who are to run it, whoever it was made for.
  return {'granted', run.kind, run.token, run.attempt, job.digest, run.shards}
end

local function claim_run(id)
  local run = find_run(id)
  local job = run and find_job(run.job)
  if not job or job.removed or run.state ~= 'pending' then
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
  for _, run in ipairs(job.new_ticks or {}) do
    ticks[#ticks + 1] = run
  end
  return ticks
end

local function skip_waiting_ticks(job)
  for _, run in ipairs(ticks_waiting(job)) do
    if run.state == 'waiting' then
      skip(run, job, 'overlap')
    end
  end
end

-- A run of a tick, which this script does not find in any index yet.
local function new_tick(job, fire)
  local run = new_run(job, fire, '', 'tick')
  job.new_ticks = job.new_ticks or {}
  job.new_ticks[#job.new_ticks + 1] = run
  return run
end

local ACTIVE = {pending = true, claimed = true, started = true, sharded = true}

-- The active runs of a job that are ticks, the oldest first. They are mostly among the newest runs.
local function active_ticks(job)
  local ticks = {}
  for _, run in ipairs(job.new_ticks or {}) do
    ticks[#ticks + 1] = ACTIVE[run.state] and run or nil
  end
  local seen = #ticks
  local most = MOST_SEARCHED + job.limit * (job.shards - 1) -- Shards stand beside their ticks.
  for _, place in ipairs(page('ZREVRANGE', key('runs', job.name), 0, most)) do
    if seen >= job.active then
      break
    end
    local is_shard = string.find(place, '*', 1, true)
    local run = not is_shard and find_run(id_at(job.name, place))
    local is_active = run and ACTIVE[run.state]
    seen = seen + (is_active and 1 or 0)
    if is_active and not string.find(place, '+', 1, true) then
      table.insert(ticks, 1, run)
    end
  end
  return ticks
end

-- Ends as many active ticks as there must be room for one, oldest first; and none twice.
local function make_way(job, id)
  skip_waiting_ticks(job)
  local ticks = active_ticks(job)
  local wanted = job.active - job.limit + 1
  for _, run in ipairs(ticks) do
    wanted = wanted - (run.cancel_asked_at and 1 or 0)
  end
  for _, run in ipairs(ticks) do
    if wanted > 0 and not run.cancel_asked_at then
      end_or_ask(run, ', replaced by ' .. id)
      wanted = wanted - 1
    end
  end
end

-- A due tick for which there is no room.
local function hold_back(job, item, fire)
  if item.if_active == 'wait' or item.if_active == 'replace' then
    skip_waiting_ticks(job)
  end
  if item.if_active == 'skip' or count_waiting(job) >= MOST_WAITING then
    add_gap(job, {first = item.fire, last = item.fire, count = 1, reason = 'overlap'})
    return {'skipped', 'overlap'}
  end
  local run = new_tick(job, fire)
  run.state, run.wanted_until = 'waiting', item.wanted_until
  job.new_waiters = (job.new_waiters or 0) + 1
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
  local id = run_id(job.name, fire, '', '')
  if is_run(id) then
    return 'lost' -- The record proves that somebody settled it.
  end
  if is_full(job) and item.if_active == 'replace' then
    make_way(job, id)
  end
  if is_full(job) then
    return hold_back(job, item, fire)
  end
  job.active = job.active + 1
  return grant(split(new_tick(job, fire)), job)
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
  job.since = job.since < 0 and item.expected or job.since
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
