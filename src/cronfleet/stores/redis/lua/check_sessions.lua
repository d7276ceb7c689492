-- Looks for what is wrong with sessions and what they hold.
-- ARGV: '1' to mend it else '', the JSON for the audit.
-- Returns for each fault: kind, where, 1 if it is mended else 0, detail.
local mends, json = word() ~= '', word()
local faults, stale, strays, gone = {}, {}, {}, {}

local function found(kind, where, detail)
  faults[#faults + 1] = {kind, where, mends and 1 or 0, detail or ''}
end

local function check_held(id)
  for _, member in ipairs(call('ZRANGE', key('held', id), 0, -1)) do
    local run = find_run(held_id(member))
    if not run or run.session ~= id then
      found('index', 'run ' .. held_id(member), 'held')
      strays[#strays + 1] = {id, member}
    end
  end
end

for _, id in ipairs(call('ZRANGE', BASE .. 'sessions', 0, -1)) do
  local session = find_session(id)
  if not session then
    found('index', 'session ' .. id, 'sessions')
    gone[#gone + 1] = id
  elseif session.expires_at > now + session.ttl then
    found('session_expiry', 'session ' .. id)
    session.expires_at = now + session.ttl
    stale[#stale + 1] = session
  end
  check_held(id)
end
for _, id in ipairs(call('SMEMBERS', BASE .. 'orphaned')) do
  check_held(id)
end

if mends and #faults > 0 then
  for _, session in ipairs(stale) do
    write_session(session)
  end
  for _, stray in ipairs(strays) do
    call('ZREM', key('held', stray[1]), stray[2])
  end
  for _, id in ipairs(gone) do
    call('ZREM', BASE .. 'sessions', id)
    if count_held({id = id}) > 0 then
      call('SADD', BASE .. 'orphaned', id)
    end
  end
  put_on_record({json = json})
end
return faults
