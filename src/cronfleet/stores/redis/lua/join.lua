-- Opens a session.
-- ARGV: id, program, label, TTL in ms, tzdata version.
local id = word()
if find_session(id) then
  return -- The request that opened it has arrived a second time.
end
local session = new_record(SESSION)
session.id = id
session.program, session.label, session.ttl, session.tzdata = word(), word(), number(), word()
session.joined_at, session.expires_at = now, now + session.ttl

call('DEL', key('session', id)) -- Of an id that joins again nothing is left but its runs.
call('SREM', BASE .. 'orphaned', id)
call('ZADD', BASE .. 'sessions', 0, id)
write_session(session)
