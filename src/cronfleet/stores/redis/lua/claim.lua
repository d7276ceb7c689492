-- Claims ticks and pending runs. ARGV[2] session, then for each item twelve:
--   't', job, generation, expected, fire time ('' for none), following fire time ('' for none),
--        its due instant, gap's first ('' for none), last, count, reason, last settled fire time
--   'p', run, ten times ''
-- Returns for each {'granted', run, kind, token, attempt, digest}, {'skipped', reason},
-- 'not_due' or 'lost'.
local session = ARGV[2]
local label = redis.call('HGET', key('session', session), 'label')
local may_claim = is_open(session)
local TOKENS_PER_MS = 1024
local last_token = tonumber(redis.call('HGET', FLEET, 'token') or '0')

local function grant(run, job, kind, attempt)
  last_token = math.max(last_token + 1, now * TOKENS_PER_MS)
  redis.call('HSET', FLEET, 'token', int(last_token))
  redis.call('HSET', key('run', run), 'state', 'claimed', 'token', int(last_token),
    'session', session, 'instance', label, 'claimed', int(now))
  redis.call('HDEL', key('run', run), 'outcome')
  hold(session, run)
  return {'granted', run, kind, int(last_token), attempt, job.digest}
end

local function claim_pending(run)
  local record = redis.call('HMGET', key('run', run), 'state', 'nb', 'kind', 'attempt')
  if record[1] ~= 'pending' then
    return 'lost'
  end
  if tonumber(record[2]) > now then
    return 'not_due'
  end
  local job = read_job(job_of(run))
  redis.call('ZREM', key('pending', job.program), run)
  return grant(run, job, record[3], record[4])
end

local function claim_tick(at)
  local job = read_job(ARGV[at + 1])
  local expected, fire = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  if not job or job.paused or job.fire ~= expected or ARGV[at + 2] ~= int(job.gen)
    or expected <= job.mark then
    return 'lost'
  end
  local settled = tonumber(ARGV[at + 11])
  if job.due > now or settled > now then
    return 'not_due'
  end
  local run = fire and job.name .. '@' .. int(fire)
  local is_known = run and redis.call('EXISTS', key('run', run)) == 1
  if ARGV[at + 7] ~= '' then
    add_gap(job, job.mark, {first = tonumber(ARGV[at + 7]), last = tonumber(ARGV[at + 8]),
      count = tonumber(ARGV[at + 9]), reason = ARGV[at + 10]})
  end
  local is_full = job.limit > 0 and job.active >= job.limit
  local said
  if not fire then
    said = {'skipped', ARGV[at + 10]}
  elseif is_known then
    said = 'lost' -- The record proves that somebody settled it.
  elseif is_full then
    add_gap(job, job.mark, {first = fire, last = fire, count = 1, reason = 'overlap'})
    said = {'skipped', 'overlap'}
  else
    new_run(run, job, 'tick', 'pending')
    said = grant(run, job, 'tick', '1')
    set_active(job, job.active + 1)
  end
  redis.call('HSET', key('job', job.name), 'mark', int(settled))
  set_expected(job, tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]))
  return said
end

local refused = {}
local answer = {}
for at = 3, #ARGV, 12 do
  local said = 'lost'
  if may_claim and ARGV[at] == 'p' then
    said = claim_pending(ARGV[at + 1])
  elseif may_claim and not refused[ARGV[at + 1]] then
    said = claim_tick(at)
    refused[ARGV[at + 1]] = type(said) == 'string'
  end
  answer[#answer + 1] = said
end
return answer
