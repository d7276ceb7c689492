-- Declares jobs. ARGV[2] session, [3] program, then for each job eight: name, digest, schedule
-- digest, limit, on_lost, first fire time ('' for none), its due instant, definition JSON.
-- Returns for each 'new', 'kept', 'changed', 'superseded', {'foreign', program} or
-- {'behind', watermark}.
local session, program = ARGV[2], ARGV[3]
local others = {} -- The manifests of the other sessions, each once: most share one.
for _, other in ipairs(redis.call('SMEMBERS', BASE .. 'sessions')) do
  if other ~= session then
    others[redis.call('HGET', key('session', other), 'manifest')] = true
  end
end

local function is_declared(digest)
  for manifest in pairs(others) do
    if redis.call('SISMEMBER', key('manifest', manifest), digest) == 1 then
      return true
    end
  end
  return false
end

local function describe(name, at)
  redis.call('HSET', key('job', name), 'digest', ARGV[at + 1], 'sdigest', ARGV[at + 2],
    'limit', ARGV[at + 3], 'on_lost', ARGV[at + 4])
  redis.call('SET', key('definition', ARGV[at + 1]), ARGV[at + 7])
end

local function create(name, at)
  redis.call('HSET', key('job', name), 'program', program, 'gen', '1', 'mark', '-1', 'active', '0')
  describe(name, at)
  set_expected({name = name, program = program}, tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]))
  redis.call('ZADD', BASE .. 'jobs', 0, name)
  return 'new'
end

local function change(job, at)
  local fire, due = tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  -- The same schedule keeps its expected tick, and one that is due already is owed.
  if job.sdigest == ARGV[at + 2] or (job.due and job.due <= now) then
    fire, due = job.fire, job.due
  end
  if fire and fire <= job.mark then
    return {'behind', int(job.mark)}
  end
  describe(job.name, at)
  redis.call('HSET', key('job', job.name), 'gen', int(job.gen + 1))
  set_expected(job, fire, due)
  job.limit = tonumber(ARGV[at + 3])
  promote(job)
  return 'changed'
end

local answer = {}
local is_member = redis.call('EXISTS', key('session', session)) == 1
for at = 4, #ARGV, 8 do
  local name, digest = ARGV[at], ARGV[at + 1]
  local job = read_job(name)
  local said
  if not is_member then
    said = 'superseded'
  elseif not job then
    said = create(name, at)
  elseif job.program ~= program then
    said = {'foreign', job.program}
  elseif job.digest == digest then
    said = 'kept'
  elseif redis.call('EXISTS', key('definition', digest)) == 1 and is_declared(job.digest) then
    said = 'superseded'
  else
    said = change(job, at)
  end
  answer[#answer + 1] = said
end
return answer
