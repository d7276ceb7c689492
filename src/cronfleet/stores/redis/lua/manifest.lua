-- Adds to a session's manifest, in parts: ARGV[2] session, [3] manifest, [4] '1' when this is the
-- last part, which puts it in force; then digests. Returns 1.
for at = 5, #ARGV do
  redis.call('SADD', key('manifest', ARGV[3]), ARGV[at])
end
redis.call('SADD', BASE .. 'manifests', ARGV[3])
if ARGV[4] == '1' and redis.call('EXISTS', key('session', ARGV[2])) == 1 then
  redis.call('HSET', key('session', ARGV[2]), 'manifest', ARGV[3])
  drop_manifests()
end
return 1
