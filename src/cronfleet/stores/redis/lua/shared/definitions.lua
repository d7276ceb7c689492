-- Which definition of a job is in force, which were so before, and who declares them.

-- A definition at the next nine arguments, after the job's name.
local function read_definition()
  return {
    digest = word(), schedule_digest = word(), limit = number(), on_lost = word(),
    shards = number(), fire = number(), due = number(), json = word(), handler = text(),
  }
end

local sessions

-- All open sessions, read once.
local function open_sessions()
  sessions = sessions or find_sessions()
  return sessions
end

local manifests = {}

-- The manifests of a program's open sessions but one, each once: most share one. And what sessions
-- have declared of one that is not complete: its definitions are in force already.
local function manifests_of(program, but)
  if not manifests[program] then
    local texts, seen = {}, {}
    for _, session in ipairs(open_sessions()) do
      if session.program == program and session.id ~= but then
        if not seen[session.manifest] then
          seen[session.manifest] = true
          texts[#texts + 1] = call('GET', key('manifest', session.manifest)) or nil
        end
        texts[#texts + 1] = call('GET', key('declaring', session.id)) or nil
      end
    end
    manifests[program] = texts
  end
  return manifests[program]
end

local function is_named(texts, said)
  for _, manifest in ipairs(texts) do
    if string.find(manifest, ' ' .. said .. ' ', 1, true) then
      return true
    end
  end
  return false
end

-- The marks by which an instance says that it has the job's handler.
local function marks_of(job)
  if not job.handler then
    return {}
  end
  local mark = 'handler:' .. job.handler
  return {mark, mark .. '@' .. job.name}
end

-- Whether an open session but one declares the definition in force.
local function is_declared(job, but)
  local texts = manifests_of(job.program, but)
  if is_named(texts, job.digest) then
    return true
  end
  for _, mark in ipairs(marks_of(job)) do
    if is_named(texts, mark) then
      return true
    end
  end
  return false
end

-- A superseded definition as its list has it: the digest, and the edition if it was noted.
local function parts_of_superseded(said)
  local digest, edition = string.match(said, '^(%S+) ?(%d*)$')
  return digest, tonumber(edition) or 0
end

-- The edition of a superseded definition of a job; nil if it is not remembered.
local function edition_of(job, wanted)
  for _, said in ipairs(call('LRANGE', key('superseded', job.name), 0, -1)) do
    local digest, edition = parts_of_superseded(said)
    if digest == wanted then
      return edition
    end
  end
end

local superseded = {}

-- Forgets a job's definitions but those that were superseded last.
local function write_superseded(name, old, edition, new)
  local list = key('superseded', name)
  for _, said in ipairs(call('LRANGE', list, 0, -1)) do
    local digest = parts_of_superseded(said)
    if digest == old or digest == new then
      call('LREM', list, 0, said)
    end
  end
  call('LPUSH', list, old .. ' ' .. int(edition))
  local seen = {[true] = 0, [false] = 0} -- Those of edition 0 are counted by themselves.
  for _, said in ipairs(call('LRANGE', list, 0, -1)) do
    local digest, noted = parts_of_superseded(said)
    seen[noted == 0] = seen[noted == 0] + 1
    if seen[noted == 0] > MOST_SUPERSEDED then
      call('LREM', list, 0, said)
      call('HDEL', place_of_definition(digest))
    end
  end
end

-- To be called after `save`.
local function save_superseded()
  for _, each in ipairs(superseded) do
    write_superseded(unpack(each))
  end
end

local function define(job, new)
  job.digest, job.schedule_digest, job.handler = new.digest, new.schedule_digest, new.handler
  job.limit, job.on_lost, job.shards = new.limit, new.on_lost, new.shards
  job.fire, job.due = new.fire, new.due
  definitions[new.digest] = new.json
end

local function create(name, program, new)
  define(new_job(name, program), new)
  return 'new'
end

-- Lets a job have a definition: as a new one, if that has no edition.
local function put_in_force(job, new, edition)
  if job.digest ~= new.digest then
    -- What was put in force by order is declared by nobody, and drives out nothing that is.
    local edition_then = job.handler and 0 or job.edition
    superseded[#superseded + 1] = {job.name, job.digest, edition_then, new.digest}
  end
  job.generation = job.generation + 1
  define(job, new)
  job.edition, job.undeclared_since = edition or job.generation, false
  promote(job)
end

-- A tombstone becomes a job again.
local function revive(job, new, edition)
  if new.fire and new.fire <= job.watermark then
    return {'behind', job.watermark}
  end
  job.removed = false
  put_in_force(job, new, edition)
  return 'new'
end

-- Another definition comes into force.
local function change(job, new, edition)
  local keeps_schedule = job.schedule_digest == new.schedule_digest
  local is_owed = job.due and job.due <= now
  if keeps_schedule or is_owed then
    new.fire, new.due = job.fire, job.due
  end
  if new.fire and new.fire <= job.watermark then
    return {'behind', job.watermark}
  end
  put_in_force(job, new, edition)
  return 'changed'
end
