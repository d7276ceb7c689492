-- Sets a named value once: ARGV[2] name, [3] value. Returns the value that stands.
redis.call('HSETNX', BASE .. 'notes', ARGV[2], ARGV[3])
return redis.call('HGET', BASE .. 'notes', ARGV[2])
