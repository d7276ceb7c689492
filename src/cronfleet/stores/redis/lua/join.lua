-- Opens a session. ARGV[2] id, [3] program, [4] label, [5] TTL in ms, [6] tzdata version.
redis.call('HSET', key('session', ARGV[2]), 'program', ARGV[3], 'label', ARGV[4], 'ttl', ARGV[5],
  'tzdata', ARGV[6], 'joined', int(now), 'expires', int(now + tonumber(ARGV[5])), 'counter', '0',
  'manifest', '')
redis.call('SADD', BASE .. 'sessions', ARGV[2])
return 1
