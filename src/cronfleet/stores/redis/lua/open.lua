-- Opens the store; the first to come makes it.
-- ARGV[2] a fresh store id. Returns id, epoch, now, schema.
redis.call('HSETNX', FLEET, 'id', ARGV[2])
redis.call('HSETNX', FLEET, 'epoch', '1')
redis.call('HSETNX', FLEET, 'schema', '1')
notice_failover()
local fleet = redis.call('HMGET', FLEET, 'id', 'epoch', 'schema')
return {fleet[1], fleet[2], int(now), fleet[3]}
