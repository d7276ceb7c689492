-- Prolongs a session by its TTL and raises its counter. The only place where the greatest time
-- is raised, or a clock that was set far back is believed.
-- ARGV[2] session. Returns nil for a closed one, else
-- {store id, epoch, now, schema, held, newest tzdata, {session, counter, ttl, program, manifest}...}
local mine = read(key('session', ARGV[2]))
if not mine then
  return nil
end
notice_failover()
redis.call('HSET', FLEET, 'greatest', int(now))
redis.call('HSET', key('session', ARGV[2]), 'expires', int(now + tonumber(mine.ttl)),
  'counter', int(tonumber(mine.counter) + 1))
local fleet = redis.call('HMGET', FLEET, 'id', 'epoch', 'schema')
local answer = {fleet[1], fleet[2], int(now), fleet[3],
  redis.call('SCARD', key('held', ARGV[2])), ''}
local everyone = redis.call('SMEMBERS', BASE .. 'sessions')
table.sort(everyone)
for _, session in ipairs(everyone) do
  local peer = redis.call('HMGET', key('session', session), 'counter', 'ttl', 'program', 'manifest',
    'tzdata')
  if peer[5] > answer[6] then
    answer[6] = peer[5]
  end
  answer[#answer + 1] = {session, peer[1], peer[2], peer[3], peer[4]}
end
return answer
