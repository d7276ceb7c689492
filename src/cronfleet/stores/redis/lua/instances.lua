-- The open sessions, by id.
-- Returns for each: id, label, program, joined, expires, how many runs it holds, tzdata version.
local found = {}
for at, session in ipairs(find_sessions()) do
  found[at] = {session.id, session.label, session.program, session.joined_at, session.expires_at,
    count_held(session), session.tzdata}
end
return found
