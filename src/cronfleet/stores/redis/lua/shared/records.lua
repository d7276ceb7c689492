-- Jobs and runs as a script sees them: read once, changed as plain tables, and written by `save`.
-- So everything is read, compared and computed before the first write: a script that fails on the
-- way has changed nothing.

local JOB = kind_of({
  program = 'p', digest = 'd', schedule_digest = 's', limit = 'l', on_lost = 'o', generation = 'g',
  fire = 'f', due = 'u', watermark = 'w', active = 'a', paused_reason = 'r', since = 'm',
  shards = 'n', handler = 'h', edition = 'e', removed = 'x', undeclared_since = 'b',
  paused_until = 'v',
}, {
  limit = 1, on_lost = 'abandon', generation = 1, watermark = -1, active = 0, since = -1,
  shards = 1, edition = 1,
})

local RUN = kind_of({
  kind = 'k', state = 's', attempt = 'a', token = 't', on_lost = 'o', losses = 'l',
  created_at = 'm', not_before = 'n', session = 'h', instance = 'i', start_id = 'd',
  claimed_at = 'c', started_at = 'b', ended_at = 'e', outcome = 'r', late_outcome = 'v',
  has_error = 'x', wanted_until = 'w', reason = 'y', cancel_asked_at = 'q',
  shards = 'z', tally = 'j',
}, {
  kind = 'tick', attempt = 1, token = 0, on_lost = 'abandon', losses = 0, instance = '', shards = 1,
})

-- Where a run goes when it has ended.
local HISTORY = {
  succeeded = 'successes', skipped = 'successes', failed = 'failures', timed_out = 'failures',
  cancelled = 'failures', lost = 'failures',
}

local jobs, runs, definitions = {}, {}, {}

-- Jobs ------------------------------------------------------------------------------------

-- The job of this name; false if there is none.
local function find_job(name)
  if jobs[name] == nil then
    local job = load(JOB, key('job', name))
    if job then
      job.name = name
      job.was.due = job.was.due or job.was.fire
    end
    jobs[name] = job
  end
  return jobs[name]
end

-- The same, if it can be given orders: no tombstone.
local function find_live_job(name)
  local job = find_job(name)
  return job and not job.removed and job
end

-- A run's job; jobs outlive their runs.
local function job_of(run)
  return find_job(run.job) or error('run ' .. run.id .. ' has no job: the store is damaged')
end

local function new_job(name, program)
  local job = new_record(JOB)
  job.name, job.program = name, program
  jobs[name] = job
  return job
end

-- What is answered of a job, see jobs.lua.
local function shown(job)
  local pause = call('HMGET', key('pause', job.name), 'by', 'why')
  return {
    job.name, job.program, job.digest, job.schedule_digest, job.limit, job.on_lost,
    job.generation, job.fire, job.due, job.watermark, job.active, job.since,
    job.paused_reason, pause[1] or '', pause[2] or '', job.shards, job.handler or '', job.edition,
    job.removed and 1 or 0, job.undeclared_since, job.paused_until,
  }
end

-- Where a definition lies: in one of many small hashes, which the server packs tightly.
local function place_of_definition(digest)
  return key('definitions', string.sub(digest, 1, 2)), string.sub(digest, 3)
end

local function has_definition(digest)
  return definitions[digest] or call('HEXISTS', place_of_definition(digest)) == 1
end

local function is_full(job)
  return job.limit > 0 and job.active >= job.limit
end

-- Runs ------------------------------------------------------------------------------------

-- The number is '' for a tick, the shard '' for what is no shard.
local function run_id(job, fire, count, shard)
  return job .. '@' .. fire .. (count ~= '' and '+' .. count or '')
    .. (shard ~= '' and '/' .. shard or '')
end

-- The number of digits before the digits: so they sort as the numbers do.
local function sortable(digits)
  return string.char(96 + #digits) .. digits
end

-- A run's place among those of its job. A shard's `*` is below the `+` of a number.
local function place_of(fire, count, shard)
  return sortable(fire) .. (count ~= '' and '+' .. sortable(count) or '')
    .. (shard ~= '' and '*' .. sortable(shard) or '')
end

-- The fire time, the number and the shard that a place was made of.
local function parts_of(place)
  return string.match(place, '^%l(%d+)%+?%l?(%d*)%*?%l?(%d*)$')
end

local function id_at(job, place)
  return run_id(job, parts_of(place))
end

-- As a member of held:<session>. A space is below all that a job's name may have in it, so these
-- sort as run ids do: by job, fire time, number.
local function held_member(run)
  return run.job .. ' ' .. run.place
end

local function held_id(member)
  return id_at(string.match(member, '^(%S+) (%S+)$'))
end

-- The run of this id; false if there is none.
local function find_run(id)
  if runs[id] == nil then
    local run = load(RUN, key('run', id))
    if run then
      local fire, count, shard
      run.job, fire, count, shard = string.match(id, '^(.*)@(%d+)%+?(%d*)/?(%d*)$')
      run.id, run.place, run.was.is_shard = id, place_of(fire, count, shard), shard ~= ''
    end
    runs[id] = run
  end
  return runs[id]
end

local function is_run(id)
  return runs[id] or call('EXISTS', key('run', id)) == 1
end

-- A run that is pending from now on, of a job with shards before these are made.
local function new_run(job, fire, count, kind)
  local run = new_record(RUN)
  local id = run_id(job.name, fire, count, '')
  run.id, run.job, run.place = id, job.name, place_of(fire, count, '')
  run.kind, run.state, run.on_lost, run.shards = kind, 'pending', job.on_lost, job.shards
  run.created_at, run.not_before = now, now
  runs[id] = run
  return run
end

local function set_error(run, text)
  run.error, run.has_error = text, text ~= '' and '1'
end

-- The oldest stored run of a job that waits still; nil if there is none.
local function oldest_waiting(job)
  repeat
    local seen = job.waiters_seen or 0
    local place = call('ZRANGE', key('waiting', job.name), seen, seen)[1]
    local run = place and find_run(id_at(job.name, place))
    if run and run.state == 'waiting' then
      return run -- Seen, once it waits no more.
    end
    job.waiters_seen = seen + 1
  until not place
end

-- How many runs of a job wait now; those that this script has made or ended are in `new_waiters`.
local function count_waiting(job)
  return call('ZCARD', key('waiting', job.name)) + (job.new_waiters or 0)
end

-- Gaps ------------------------------------------------------------------------------------

local function gap_text(gap)
  return table.concat({int(gap.first), int(gap.last), int(gap.count), gap.reason,
    int(gap.generation), int(gap.recorded_at)}, ' ')
end

local function newest_stored_gap(job)
  local text = call('LINDEX', key('gaps', job.name), 0)
  if not text then
    return nil
  end
  local first, last, count, reason, generation =
    string.match(text, '^(%d+) (%d+) (%d+) (%S+) (%d+) ')
  return {first = tonumber(first), last = tonumber(last), count = tonumber(count), reason = reason,
    generation = tonumber(generation)}
end

-- A gap at the next four arguments: first, last, count, reason. False if the first of them is ''.
local function read_gap()
  local first, last, count, reason = number(), number(), number(), word()
  return first and {first = first, last = last, count = count, reason = reason}
end

-- Records a gap that follows the job's watermark, as one with the newest if it adjoins that.
-- job.gaps has the newest stored gap at 0, and the new ones after it.
local function add_gap(job, gap)
  job.gaps = job.gaps or {[0] = newest_stored_gap(job)}
  local at = #job.gaps
  local newest = job.gaps[at]
  if newest and newest.last == job.watermark and newest.reason == gap.reason
    and newest.generation == job.generation then
    gap.first = newest.first
    gap.count = math.min(newest.count + gap.count, MAX_COUNTED + 1)
  end
  gap.generation, gap.recorded_at = job.generation, now
  if not newest or newest.first ~= gap.first then
    at = at + 1
  end
  job.gaps[at] = gap
end

local function write_gaps(job)
  local gaps_key, gaps = key('gaps', job.name), job.gaps
  if gaps[0] and gaps[0].recorded_at then
    call('LSET', gaps_key, 0, gap_text(gaps[0]))
  end
  for _, gap in ipairs(gaps) do
    call('LPUSH', gaps_key, gap_text(gap))
  end
  call('LTRIM', gaps_key, 0, MOST_GAPS - 1)
end

-- Writing ---------------------------------------------------------------------------------

-- Whether there may be more to claim than before.
local is_stirred = false

-- Whether the holder of a run is asked to cancel it.
local is_cancelling = false

local function write_held(run)
  if run.session == run.was.session then
    return
  end
  if run.was.session then
    call('ZREM', key('held', run.was.session), held_member(run))
  end
  if run.session then
    call('ZADD', key('held', run.session), 0, held_member(run))
  end
end

-- The session that was asked to cancel a run; false if it is held by none, or was not asked.
local function asked_session(run)
  return run.cancel_asked_at and run.session
end

local function write_cancelling(run)
  local was, is = asked_session(run.was), asked_session(run)
  if was ~= is and was then
    call('SREM', key('cancelling', was), held_member(run))
  end
  if was ~= is and is then
    call('SADD', key('cancelling', is), held_member(run))
    is_cancelling = true
  end
end

local function write_pending(run)
  local was_pending, is_pending = run.was.state == 'pending', run.state == 'pending'
  if is_pending and not (was_pending and run.was.not_before == run.not_before) then
    call('ZADD', key('pending', job_of(run).program), int(run.not_before), run.id)
    is_stirred = true
  elseif was_pending and not is_pending then
    call('ZREM', key('pending', job_of(run).program), run.id)
  end
end

local function write_error(run)
  if run.error == nil then
    return
  elseif run.has_error then
    call('HSET', key('errors', run.job), run.place, run.error)
  elseif run.was.has_error then
    call('HDEL', key('errors', run.job), run.place)
  end
end

local function write_run(run)
  write(RUN, key('run', run.id), run)
  if not run.was.state then
    call('ZADD', key('runs', run.job), int(run.created_at), run.place)
  end
  write_error(run)
  write_cancelling(run)
  if run.was.state == run.state then
    return
  end
  write_held(run)
  write_pending(run)
  if run.state == 'waiting' then
    call('ZADD', key('waiting', run.job), int(run.created_at), run.place)
  elseif run.was.state == 'waiting' then
    call('ZREM', key('waiting', run.job), run.place)
  end
  if HISTORY[run.state] and not run.is_shard then
    call('ZADD', key(HISTORY[run.state], run.job), int(run.ended_at), run.place)
  end
end

local function write_pause(job)
  if job.paused_reason then
    call('HSET', key('pause', job.name), 'by', job.paused_by, 'why', job.paused_why)
  else
    call('DEL', key('pause', job.name))
  end
end

-- When its pause is to end by itself; false where there is nothing to end.
local function resumes_at(job)
  return job.paused_reason and not job.removed and job.paused_until
end

local function write_resuming(job)
  local at = resumes_at(job)
  if at == resumes_at(job.was) then
    return
  elseif at then
    call('ZADD', key('resuming', job.program), int(at), job.name)
  else
    call('ZREM', key('resuming', job.program), job.name)
  end
end

-- Most ticks are due at their fire time, which is not stored twice.
local function write_fields(job)
  local was, due = job.was, job.due
  was.due = was.due ~= was.fire and was.due
  job.due = due ~= job.fire and due
  write(JOB, key('job', job.name), job)
  job.due = due
end

local function write_job(job)
  local was_due = not job.was.paused_reason and job.was.due
  local is_due = not job.paused_reason and job.due
  if job.gaps then
    write_gaps(job)
  end
  local is_moved = not job.was.program or job.generation ~= job.was.generation
  is_stirred = is_stirred or is_due and is_moved
  if is_due and is_due ~= was_due then
    call('ZADD', key('due', job.program), int(is_due), job.name)
  elseif was_due and not is_due then
    call('ZREM', key('due', job.program), job.name)
  end
  if job.paused_by or job.paused_reason ~= job.was.paused_reason then
    write_pause(job)
  end
  write_resuming(job)
  if not job.was.program then
    call('ZADD', BASE .. 'jobs', 0, job.name)
  end
  write_fields(job)
end

-- Writes all that was changed. A run before its job: a tick whose run exists is settled, whatever
-- its job says.
local function save()
  for _, run in pairs(runs) do
    if run and (run.state == 'pending' or run.was.state == 'pending') then
      job_of(run) -- It is read now, before the first write.
    end
  end
  for digest, json in pairs(definitions) do
    local hash_key, field = place_of_definition(digest)
    call('HSET', hash_key, field, json)
  end
  for _, run in pairs(runs) do
    if run then
      write_run(run)
    end
  end
  for _, job in pairs(jobs) do
    if job then
      write_job(job)
    end
  end
  write_fleet()
  if is_stirred then
    hint('due')
  end
  if is_cancelling then
    hint('cancel')
  end
end
