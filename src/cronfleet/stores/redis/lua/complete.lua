-- Records outcomes. ARGV[2]..: for each run, token, outcome, retry delay in ms ('' for none),
-- error text. Returns 'done', 'late' or 'refused' for each.
local function set_error(run, text)
  if text == '' then
    redis.call('DEL', key('error', run))
  else
    redis.call('SET', key('error', run), text)
  end
end

local function complete(run, token, outcome, retry_in, error_text)
  local record = read(key('run', run))
  if not record or record.token ~= token then
    return 'refused'
  end
  if record.state == 'started' then
    local job = read_job(job_of(run))
    set_error(run, error_text)
    if outcome == 'lost' then
      lose(run, record, job)
    elseif retry_in ~= '' then
      redis.call('HSET', key('run', run), 'losses', '0')
      next_attempt(run, record, outcome, now + tonumber(retry_in), job)
    else
      end_run(run, record, outcome, job)
    end
    return 'done'
  end
  if record.outcome == outcome then
    return 'done' -- Said before; its first answer was lost.
  end
  if record.state == 'lost' then
    redis.call('HSETNX', key('run', run), 'late', outcome)
    return 'late'
  end
  return 'refused'
end

local answer = {}
for at = 2, #ARGV, 5 do
  answer[#answer + 1] =
    complete(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
end
return answer
