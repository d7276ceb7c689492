-- Ends every script under durability=wait. WAIT waits for the last write of its own connection, and
-- would answer at once for a script that wrote nothing, such as a start that is repeated: so there
-- always is a write.
-- Returns the operation's answer, how many replicas are connected, the most there ever were.
local answer = operation()

-- A user without rights to INFO says replicas=N in the URL.
local said = redis.pcall('INFO', 'replication')
local connected = tonumber(type(said) == 'string' and string.match(said, 'connected_slaves:(%d+)'))
  or 0
local most = math.max(connected, tonumber(call('HGET', BASE .. 'replicas', 'most')) or 0)
call('HSET', BASE .. 'replicas', 'most', int(most), 'asked_at', int(now))
return {answer or false, connected, most}
