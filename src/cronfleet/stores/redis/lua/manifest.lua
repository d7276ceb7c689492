-- Adds to a session's manifest, in parts: ARGV[2] session, [3] manifest, [4] '1' when this is the
-- last part, which puts it in force; then digests. Returns 1 if the session is open, else 0.
local session_key, manifest = key('session', ARGV[2]), ARGV[3]
if redis.call('EXISTS', session_key) == 0 then
  return 0
end
for at = 5, #ARGV do
  redis.call('SADD', key('manifest', manifest), ARGV[at])
end
redis.call('SADD', BASE .. 'manifests', manifest)
if ARGV[4] == '1' then
  redis.call('HSET', session_key, 'manifest', manifest)
  redis.call('HDEL', session_key, 'coming')
else
  redis.call('HSET', session_key, 'coming', manifest)
end
drop_manifests()
return 1
