-- CLAIMED to STARTED. ARGV[2] session, then for each: run, token, start id.
-- Returns 1 or 0 for each. The same start id may be repeated.
local session = ARGV[2]
local may_start = is_open(session)
local answer = {}
for at = 3, #ARGV, 3 do
  local run_key = key('run', ARGV[at])
  local record = redis.call('HMGET', run_key, 'state', 'token', 'session', 'start')
  local is_mine = may_start and record[2] == ARGV[at + 1] and record[3] == session
  local is_started = is_mine and record[1] == 'started' and record[4] == ARGV[at + 2]
  if is_mine and record[1] == 'claimed' then
    redis.call('HSET', run_key, 'state', 'started', 'start', ARGV[at + 2], 'started', int(now))
    is_started = true
  end
  answer[#answer + 1] = is_started and 1 or 0
end
return answer
