-- Gaps of a job, the newest first: ARGV[2] job, [3] limit, [4] skip. Returns members as they are.
return redis.call('ZREVRANGE', key('gaps', ARGV[2]), ARGV[4], ARGV[4] + ARGV[3] - 1)
