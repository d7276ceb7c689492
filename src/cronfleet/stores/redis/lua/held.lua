-- The runs that a session holds: ARGV[2]. Returns {run, state, kind, token, attempt, digest}...
local answer = {}
for _, run in ipairs(redis.call('SMEMBERS', key('held', ARGV[2]))) do
  local record = redis.call('HMGET', key('run', run), 'state', 'kind', 'token', 'attempt')
  local digest = redis.call('HGET', key('job', job_of(run)), 'digest')
  answer[#answer + 1] = {run, record[1], record[2], record[3], record[4], digest}
end
return answer
