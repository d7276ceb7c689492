-- Takes back runs of closed or missing sessions: ARGV[2] at the most.
-- Returns {run, new state}...
local limit = tonumber(ARGV[2])
local answer = {}
local holders = redis.call('SMEMBERS', BASE .. 'holders')
table.sort(holders)
for _, session in ipairs(holders) do
  if redis.call('EXISTS', key('session', session)) == 0 then
    local held = redis.call('SRANDMEMBER', key('held', session), limit - #answer)
    table.sort(held)
    for _, run in ipairs(held) do
      local record = read(key('run', run))
      local job = read_job(job_of(run))
      local state = 'pending'
      if record.state == 'claimed' then
        put_back(run, record, job)
      else
        redis.call('SET', key('error', run), 'its instance ' .. record.instance .. ' was gone')
        state = lose(run, record, job)
      end
      answer[#answer + 1] = {run, state}
    end
  end
  if #answer >= limit then
    break
  end
end
return answer
