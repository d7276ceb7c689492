-- Prepended to every script: keys, time, and how records are read and written.
-- KEYS[1] is the fleet's base key, hash tag included; every other key begins with it.
-- ARGV[1] is the store's time in ms for tests, or '' for the server's own clock.
-- All instants and spans are integer milliseconds.

local BASE = KEYS[1]
local CLOCK_STEP_BACK_MS = 60000
local LOSSES_ALLOWED = 2
local MAX_COUNTED = 10000
local MOST_GAPS = 500

local function key(kind, name)
  return BASE .. kind .. ':' .. name
end

-- Lua numbers print as 1.7e+12 unless told otherwise.
local function int(number)
  return string.format('%.0f', number)
end

local FLEET = BASE .. 'fleet'

local function read_now()
  local clock
  if ARGV[1] ~= '' then
    clock = tonumber(ARGV[1])
  else
    local time = redis.call('TIME')
    clock = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  end
  local greatest = tonumber(redis.call('HGET', FLEET, 'greatest') or '0')
  if clock < greatest and greatest <= clock + CLOCK_STEP_BACK_MS then
    return greatest
  end
  return clock
end

local now = read_now()

-- A server that was restarted or promoted may have lost writes, and has another replication id:
-- the epoch rises, and every watch over a session begins anew.
local function notice_failover()
  local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  local known = redis.call('HGET', FLEET, 'replid')
  if id and id ~= known then
    redis.call('HSET', FLEET, 'replid', id)
    if known then
      redis.call('HINCRBY', FLEET, 'epoch', 1)
    end
  end
end

-- Sessions ------------------------------------------------------------------------------

local function is_open(session)
  local expires = redis.call('HGET', key('session', session), 'expires')
  return expires and tonumber(expires) > now
end

-- Records -------------------------------------------------------------------------------

local function read(record_key)
  local flat = redis.call('HGETALL', record_key)
  if #flat == 0 then
    return nil
  end
  local record = {}
  for i = 1, #flat, 2 do
    record[flat[i]] = flat[i + 1]
  end
  return record
end

local function read_job(name)
  local job = read(key('job', name))
  if job then
    job.name = name
    job.limit = tonumber(job.limit)
    job.active = tonumber(job.active)
    job.gen = tonumber(job.gen)
    job.mark = tonumber(job.mark)
    job.fire = tonumber(job.fire)
    job.due = tonumber(job.due)
  end
  return job
end

local function job_of(run)
  return string.match(run, '^(.*)@')
end

-- Fire times of a job: no `fire` field means that its schedule has ended.
local function set_expected(job, fire, due)
  local job_key = key('job', job.name)
  job.fire, job.due = fire, due
  if fire then
    redis.call('HSET', job_key, 'fire', int(fire), 'due', int(due))
  else
    redis.call('HDEL', job_key, 'fire', 'due')
  end
  if fire and not job.paused then
    redis.call('ZADD', key('due', job.program), int(due), job.name)
  else
    redis.call('ZREM', key('due', job.program), job.name)
  end
end

local function set_active(job, active)
  job.active = active
  redis.call('HSET', key('job', job.name), 'active', int(active))
end

-- Gaps ----------------------------------------------------------------------------------
-- One sorted set a job: its members are first:last:count:reason:generation:recorded_at, its
-- scores the last fire time.

-- A gap that follows the job's watermark `mark`; one with the last if it adjoins that.
local function add_gap(job, mark, gap)
  local gaps = key('gaps', job.name)
  local last = redis.call('ZREVRANGE', gaps, 0, 0)[1]
  if last then
    local first, till, count, reason, gen = string.match(last, '^(%d+):(%d+):(%d+):([%a_]+):(%d+):')
    if tonumber(till) == mark and reason == gap.reason and tonumber(gen) == job.gen then
      redis.call('ZREM', gaps, last)
      gap.first = tonumber(first)
      gap.count = math.min(gap.count + tonumber(count), MAX_COUNTED + 1)
    end
  end
  local member = table.concat(
    {int(gap.first), int(gap.last), int(gap.count), gap.reason, int(job.gen), int(now)}, ':')
  redis.call('ZADD', gaps, int(gap.last), member)
  redis.call('ZREMRANGEBYRANK', gaps, 0, -MOST_GAPS - 1)
end

-- Runs ----------------------------------------------------------------------------------

local function hold(session, run)
  redis.call('SADD', key('held', session), run)
  redis.call('SADD', BASE .. 'holders', session)
end

local function let_go(session, run)
  if redis.call('SREM', key('held', session), run) == 1
    and redis.call('EXISTS', key('held', session)) == 0 then
    redis.call('SREM', BASE .. 'holders', session)
  end
end

local function make_pending(run, program, not_before)
  redis.call('ZADD', key('pending', program), int(not_before), run)
end

local function new_run(run, job, kind, state, session)
  redis.call('HSET', key('run', run), 'kind', kind, 'state', state, 'attempt', '1', 'token', '0',
    'on_lost', job.on_lost, 'losses', '0', 'created', int(now), 'nb', int(now))
  -- Of one millisecond, by number: a fraction of a score keeps 1,024 of them apart.
  local number = math.min(tonumber(string.match(run, '%+(%d+)$') or '0'), 1023)
  redis.call('ZADD', key('runs', job.name), string.format('%.4f', now + number / 1024), run)
end

-- Gives the room that a job has to its waiting runs, oldest first.
local function promote(job)
  local waiting = key('waiting', job.name)
  while job.limit == 0 or job.active < job.limit do
    local run = redis.call('ZRANGE', waiting, 0, 0)[1]
    if not run then
      break
    end
    redis.call('ZREM', waiting, run)
    redis.call('HSET', key('run', run), 'state', 'pending', 'nb', int(now))
    make_pending(run, job.program, now)
    set_active(job, job.active + 1)
  end
end

local SUCCEEDED = {succeeded = true, skipped = true}

local function end_run(run, record, outcome, job)
  redis.call('HSET', key('run', run), 'state', outcome, 'outcome', outcome, 'ended', int(now))
  redis.call('HDEL', key('run', run), 'session', 'start')
  let_go(record.session, run)
  local shelf = SUCCEEDED[outcome] and 'good' or 'bad'
  redis.call('ZADD', key(shelf, job.name), int(now), run)
  set_active(job, job.active - 1)
  promote(job)
end

local function next_attempt(run, record, outcome, not_before, job)
  redis.call('HSET', key('run', run), 'state', 'pending', 'outcome', outcome,
    'attempt', int(tonumber(record.attempt) + 1), 'nb', int(not_before))
  redis.call('HDEL', key('run', run), 'session', 'start')
  let_go(record.session, run)
  make_pending(run, job.program, not_before)
end

-- CLAIMED to PENDING: nobody ran it.
local function put_back(run, record, job)
  redis.call('HSET', key('run', run), 'state', 'pending')
  redis.call('HDEL', key('run', run), 'session')
  let_go(record.session, run)
  make_pending(run, job.program, tonumber(record.nb))
end

local function set_paused(job, reason, by, why)
  redis.call('HSET', key('job', job.name), 'paused', '1', 'reason', reason, 'by', by)
  redis.call('SET', key('why', job.name), why)
  redis.call('ZREM', key('due', job.program), job.name)
end

local function poison(job, run, losses)
  if job.paused then
    return
  end
  redis.call('HSET', key('job', job.name), 'gen', int(job.gen + 1))
  set_paused(job, 'poisoned', '',
    'run ' .. run .. ' lost its instance ' .. int(losses) .. ' times in a row')
  job.gen, job.paused = job.gen + 1, '1'
end

-- A started run that nobody will tell the end of; answers its new state.
local function lose(run, record, job)
  local losses = tonumber(record.losses) + 1
  redis.call('HSET', key('run', run), 'losses', int(losses))
  if record.on_lost == 'rerun' and losses <= LOSSES_ALLOWED then
    next_attempt(run, record, 'lost', now, job)
    return 'pending'
  end
  if record.on_lost == 'rerun' then
    poison(job, run, losses)
  end
  end_run(run, record, 'lost', job)
  return 'lost'
end

-- Manifests and the ends of sessions ----------------------------------------------------

-- Drops the manifests that no open session has in force, nor is in the middle of telling.
local function drop_manifests()
  local kept = {}
  for _, session in ipairs(redis.call('SMEMBERS', BASE .. 'sessions')) do
    local named = redis.call('HMGET', key('session', session), 'manifest', 'coming')
    kept[named[1]] = true
    kept[named[2]] = true
  end
  for _, manifest in ipairs(redis.call('SMEMBERS', BASE .. 'manifests')) do
    if not kept[manifest] then
      redis.call('DEL', key('manifest', manifest))
      redis.call('SREM', BASE .. 'manifests', manifest)
    end
  end
end

local function drop_session(session)
  redis.call('DEL', key('session', session))
  redis.call('SREM', BASE .. 'sessions', session)
  drop_manifests()
end

-- Orders ----------------------------------------------------------------------------------

local KEY_KEPT_MS = 24 * 3600 * 1000
local MOST_AUDIT = 1000

-- No job's name has a space in it, so no two orders share a key.
local function answer_key(verb, name, order_key)
  return key('answer', verb .. ' ' .. name .. ' ' .. order_key)
end

-- What an order of this verb, job and idempotency key was answered before, or nil.
local function earlier_answer(verb, name, order_key)
  local said = redis.call('GET', answer_key(verb, name, order_key))
  if not said then
    return nil
  end
  local at, answer = string.match(said, '^(%d+) (.*)$')
  if tonumber(at) < now - KEY_KEPT_MS then
    return nil
  end
  return answer
end

local function remember(verb, name, order, answer)
  redis.call('SET', answer_key(verb, name, order.key), int(now) .. ' ' .. answer,
    'PX', int(2 * KEY_KEPT_MS))
  redis.call('LPUSH', BASE .. 'audit', cjson.encode({int(now), verb, name, order.who, order.why}))
  redis.call('LTRIM', BASE .. 'audit', 0, MOST_AUDIT - 1)
end

-- Moves a job's ticks for resume and skip_next. `at` is where ARGV has generation, expected,
-- following fire time, its due instant, gap's first, last, count, reason; '' stands for none.
local function move(verb, job, at, order)
  local expected = job.fire and int(job.fire) or ''
  if ARGV[at] ~= int(job.gen) or ARGV[at + 1] ~= expected then
    return 'changed'
  end
  local settled = tonumber(ARGV[at + 5]) or job.mark
  local following = tonumber(ARGV[at + 2])
  if settled < job.mark or (following and following <= settled) then
    return 'changed'
  end
  if ARGV[at + 4] ~= '' then
    add_gap(job, job.mark, {first = tonumber(ARGV[at + 4]), last = settled,
      count = tonumber(ARGV[at + 6]), reason = ARGV[at + 7]})
  end
  if verb == 'resume' then
    redis.call('HDEL', key('job', job.name), 'paused', 'reason', 'by')
    redis.call('DEL', key('why', job.name))
    job.paused = nil
  end
  redis.call('HSET', key('job', job.name), 'gen', int(job.gen + 1), 'mark', int(settled))
  set_expected(job, following, tonumber(ARGV[at + 3]))
  remember(verb, job.name, order, 'done')
  return 'done'
end

-- The order that every verb has at ARGV[3] to [5]: key, who, why.
local function read_order()
  return {key = ARGV[3], who = ARGV[4], why = ARGV[5]}
end
