-- The open sessions. Returns {session, label, program, joined, expires, held}...
local answer = {}
local everyone = redis.call('SMEMBERS', BASE .. 'sessions')
table.sort(everyone)
for _, session in ipairs(everyone) do
  local record = redis.call('HMGET', key('session', session), 'label', 'program', 'joined', 'expires')
  answer[#answer + 1] = {session, record[1], record[2], record[3], record[4],
    redis.call('SCARD', key('held', session))}
end
return answer
