-- Sessions: the record of an open one; an ended one has none.

local SESSION = kind_of({
  program = 'program', label = 'label', ttl = 'ttl', tzdata = 'tzdata', joined_at = 'joined',
  expires_at = 'expires', counter = 'counter', manifest = 'manifest',
}, {counter = 0, manifest = ''})

-- The session of this id; false if it is not open.
local function find_session(id)
  local session = load(SESSION, key('session', id))
  if session then
    session.id = id
  end
  return session
end

-- The same, unless its lease has run out; it may still be revived until it is closed.
local function find_unexpired_session(id)
  local session = find_session(id)
  return session and session.expires_at > now and session
end

-- All open sessions, by id.
local function find_sessions()
  local sessions = {}
  for _, id in ipairs(call('ZRANGE', BASE .. 'sessions', 0, -1)) do
    sessions[#sessions + 1] = find_session(id) or nil
  end
  return sessions
end

local function write_session(session)
  write(SESSION, key('session', session.id), session)
end

local function count_held(session)
  return call('ZCARD', key('held', session.id))
end

-- The manifests in force of none of these sessions.
local function unused_manifests(sessions)
  local used, unused = {}, {}
  for _, session in ipairs(sessions) do
    used[session.manifest] = true
  end
  for _, manifest in ipairs(call('SMEMBERS', BASE .. 'manifests')) do
    if not used[manifest] then
      unused[#unused + 1] = manifest
    end
  end
  return unused
end

local function drop_manifests(manifests)
  for _, manifest in ipairs(manifests) do
    call('UNLINK', key('manifest', manifest))
    call('SREM', BASE .. 'manifests', manifest)
  end
end

-- Ends a session: what it still holds is left to be swept.
local function drop_session(id)
  local others = {}
  for _, session in ipairs(find_sessions()) do
    if session.id ~= id then
      others[#others + 1] = session
    end
  end
  local manifests = unused_manifests(others)
  local is_holding = count_held({id = id}) > 0
  if is_holding then
    call('SADD', BASE .. 'orphaned', id)
  end
  call('ZREM', BASE .. 'sessions', id)
  call('UNLINK', key('session', id), key('declaring', id))
  drop_manifests(manifests)
end
