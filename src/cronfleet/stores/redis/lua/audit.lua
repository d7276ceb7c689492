-- What operators did, the newest first: ARGV[2] limit, [3] skip.
-- Returns JSON lists of instant, verb, job, who, why.
return redis.call('LRANGE', BASE .. 'audit', ARGV[3], ARGV[3] + ARGV[2] - 1)
