-- A definition's JSON: ARGV[2] its digest. Returns nil for an unknown one.
return redis.call('GET', key('definition', ARGV[2]))
